import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import type { AudioInput } from '../../agent/config/card.ts';
import { preprocessAudio } from '../../agent/preprocess/audio.ts';
import { drawAudioView, gentleAudio, plainAudioView } from '../../agent/preprocess/audio-augmentation.ts';
import { drawViews, inputShape } from '../../agent/preprocess/capture-input.ts';
import { hammingDistance } from '../../agent/preprocess/perceptual-hash.ts';
import { resample } from '../../agent/preprocess/resample.ts';
import { encodeWav } from '../sounds.ts';

const input: AudioInput = { kind: 'audio', sampleRate: 8000, samples: 8000, level: 'none' };
const wav = (samples: Float32Array, sampleRate = 8000) => encodeWav(samples, { kind: 'float', bits: 32, sampleRate });
const tone = (count: number, hertz: number, sampleRate = 8000) =>
  Float32Array.from({ length: count }, (_, at) => 0.4 * Math.sin((2 * Math.PI * hertz * at) / sampleRate));
const energy = (samples: Float32Array) => samples.reduce((sum, value) => sum + value * value, 0);

describe('resample', () => {
  it.each([
    [44_100, 8000],
    [16_000, 8000],
    [8000, 16_000],
    [22_050, 8000],
  ])('keeps a tone from %i to %i Hz', (from, to) => {
    const result = resample(tone(from, 440, from), from, to);
    const wanted = tone(to, 440, to);
    expect(result.length).toBe(to);
    for (let at = 200; at < to - 200; at += 17) expect(Math.abs((result[at] as number) - (wanted[at] as number))).toBeLessThan(0.01);
  });

  it('removes what the lower rate cannot hold instead of folding it down', () => {
    const result = resample(tone(44_100, 7000, 44_100), 44_100, 8000);
    expect(energy(result.subarray(200, -200)) / result.length).toBeLessThan(1e-4);
  });
});

describe('preprocessAudio', () => {
  it('puts a short recording into the middle of silence', async () => {
    const { data } = await preprocessAudio(wav(tone(2000, 300)), input);
    expect(data.length).toBe(8000);
    expect(energy(data.subarray(0, 3000))).toBe(0);
    expect(energy(data.subarray(3000, 5000))).toBeCloseTo(energy(tone(2000, 300)), 4);
    expect(energy(data.subarray(5000))).toBe(0);
  });

  it('keeps the loudest part of a long one', async () => {
    const long = new Float32Array(40_000);
    long.set(tone(4000, 500), 30_000);
    const { data } = await preprocessAudio(wav(long), input);
    expect(energy(data)).toBeCloseTo(energy(tone(4000, 500)), 3);
  });

  it('levels to the peak, and leaves silence alone', async () => {
    const peak = { ...input, level: 'peak' as const };
    const { data } = await preprocessAudio(wav(tone(4000, 500)), peak);
    expect(Math.max(...data)).toBeCloseTo(1, 2);
    expect(energy((await preprocessAudio(wav(new Float32Array(100)), peak)).data)).toBe(0);
  });

  it('hashes alike what sounds alike', async () => {
    const word = (pitch: number) =>
      Float32Array.from(
        { length: 6000 },
        (_, at) => 0.3 * Math.sin(at * pitch) * Math.sin((Math.PI * at) / 6000) * (at % 2000 < 1300 ? 1 : 0.1),
      );
    const hashOf = async (samples: Float32Array) => (await preprocessAudio(wav(samples), input)).hash;
    const [one, louder, other] = await Promise.all([
      hashOf(word(0.3)),
      hashOf(word(0.3).map((value) => value * 1.4)),
      hashOf(tone(3000, 2000)),
    ]);
    expect(hammingDistance(one, louder)).toBeLessThanOrEqual(2);
    expect(hammingDistance(one, other)).toBeGreaterThan(8);
    expect(await hashOf(new Float32Array(500))).toBe(0n);
  });

  it('says what is wrong with bytes that are no sound', async () => {
    await expect(preprocessAudio(Buffer.from('this is a text file, whatever its name says'), input)).rejects.toMatchObject({
      code: 'audio-unreadable',
    });
    await expect(preprocessAudio(new Uint8Array(0), input)).rejects.toMatchObject({ code: 'audio-unreadable' });
  });

  it.skipIf(spawnSync('ffmpeg', ['-version']).status !== 0)('reads other formats through ffmpeg (skipped where it is absent)', async () => {
    const { stdout } = spawnSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'sine=frequency=440:duration=1', '-f', 'flac', 'pipe:1'], {
      maxBuffer: 1e8,
    });
    const { data } = await preprocessAudio(stdout, input);
    expect(energy(data.subarray(100, -100))).toBeGreaterThan(10);
  });
});

describe('drawViews', () => {
  it('varies a recording, the same way every time, within the given strengths', async () => {
    const bytes = wav(tone(5000, 400));
    const plain = (await preprocessAudio(bytes, input, plainAudioView)).data;
    const views = await drawViews(bytes, input, 4);
    expect(views).toEqual(await drawViews(bytes, input, 4));
    for (const view of views) {
      expect(view.length).toBe(8000);
      expect(view).not.toEqual(plain);
    }
    for (let seed = 0; seed < 200; seed += 1) {
      const { speed, gain, shift, noise } = drawAudioView({ ...gentleAudio, seed });
      expect(speed).toBeGreaterThanOrEqual(1 / 1.2 - 1e-9);
      expect(speed).toBeLessThanOrEqual(1.2 + 1e-9);
      expect(Math.abs(20 * Math.log10(gain))).toBeLessThanOrEqual(6 + 1e-9);
      expect(Math.abs(shift)).toBeLessThanOrEqual(0.08);
      expect(noise).toBeLessThan(0.2);
    }
  });

  it('gives a recording the shape that its card says', () => {
    expect(inputShape(input)).toEqual([1, 8000]);
  });
});
