import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AudioInput } from '../../agent/config/card.ts';
import { preprocessAudio, readAround } from '../../agent/preprocess/audio.ts';
import { drawAudioView, gentleAudio, plainAudioView } from '../../agent/preprocess/audio-augmentation.ts';
import { soundHash } from '../../agent/preprocess/audio-hash.ts';
import { drawViews, inputShape } from '../../agent/preprocess/capture-input.ts';
import { hammingDistance } from '../../agent/preprocess/perceptual-hash.ts';
import { resample, resampleRange } from '../../agent/preprocess/resample.ts';
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

  it('levels to the peak, and leaves near silence alone', async () => {
    const peak = { ...input, level: 'peak' as const };
    const { data } = await preprocessAudio(wav(tone(4000, 500)), peak);
    expect(Math.max(...data)).toBeCloseTo(1, 2);
    const hush = Float32Array.from({ length: 100 }, (_, at) => 1e-6 * Math.sin(at));
    expect(Math.max(...(await preprocessAudio(wav(hush), peak)).data)).toBeLessThan(2e-6);
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
    expect(soundHash(new Float32Array(500), 8000)).toBe(0n);
  });

  it('says what is wrong with bytes that are no sound', async () => {
    await expect(preprocessAudio(Buffer.from('this is a text file, whatever its name says'), input)).rejects.toMatchObject({
      code: 'audio-unreadable',
    });
    await expect(preprocessAudio(new Uint8Array(0), input)).rejects.toMatchObject({ code: 'audio-unreadable' });
  });

  it('refuses digital silence by name: no microphone gives that', async () => {
    await expect(preprocessAudio(wav(new Float32Array(4000)), input)).rejects.toMatchObject({
      code: 'audio-unreadable',
      message: expect.stringContaining('silent'),
    });
  });

  it('finds the word in a long recording as in the word alone, and makes no more of it than two windows', async () => {
    const rate = 48_000;
    const long = new Float32Array(9 * rate);
    for (let at = 0; at < long.length; at += 1) long[at] = 0.001 * Math.sin(at);
    long.set(
      tone(1.5 * rate, 700, rate).map((value, at) => value * Math.sin((Math.PI * at) / (1.5 * rate))),
      5 * rate,
    );
    const heard = await readAround(wav(long, rate), input);
    expect(heard.length).toBe(16_000);
    const { data } = await preprocessAudio(wav(long, rate), input);
    const alone = (await preprocessAudio(wav(long.slice(4.5 * rate, 7 * rate), rate), input)).data;
    expect(energy(data)).toBeGreaterThan(100);
    for (let at = 0; at < 8000; at += 1) expect(Math.abs(data[at]! - alone[at]!)).toBeLessThan(0.06);
  });

  it('is not led to a noise that the model cannot hear', async () => {
    const rate = 96_000;
    const long = new Float32Array(4 * rate);
    long.set(tone(rate / 2, 500, rate), rate);
    long.set(
      tone(rate, 30_000, rate).map((value) => 2 * value),
      2.5 * rate,
    );
    const { data } = await preprocessAudio(wav(long, rate), input);
    expect(energy(data)).toBeGreaterThan(200);
  });

  it('resamples a piece to the bit as it stands in the whole', () => {
    const sound = tone(30_000, 440, 44_100);
    const whole = resample(sound, 44_100, 16_000);
    const source = { length: sound.length, slice: (from: number, to: number) => sound.slice(from, to) };
    expect(resampleRange(source, 44_100, 16_000, { first: 5001, count: 4500 })).toEqual(whole.slice(5001, 9501));
  });
});

const encoded = (...options: readonly string[]) =>
  spawnSync('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'sine=frequency=440:duration=1:sample_rate=8000', ...options], {
    maxBuffer: 1e8,
  }).stdout;

describe.skipIf(spawnSync('ffmpeg', ['-version']).status !== 0)('other formats, through ffmpeg (skipped where it is absent)', () => {
  const loud = async (bytes: Uint8Array) => energy((await preprocessAudio(bytes, input)).data.subarray(1000, -1000));

  it('reads FLAC, and what is rare inside of a WAV', async () => {
    expect(await loud(encoded('-f', 'flac', 'pipe:1'))).toBeGreaterThan(10);
    for (const codec of ['adpcm_ima_wav', 'adpcm_ms'])
      expect(await loud(encoded('-c:a', codec, '-f', 'wav', 'pipe:1'))).toBeGreaterThan(10);
  });

  it('says both reasons where nobody can read a WAV', async () => {
    const odd = encodeWav(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), { kind: 'raw', tag: 0x7777, bits: 5, sampleRate: 8000 });
    const said = (await preprocessAudio(odd, input).catch((error: unknown) => error)) as Error & { readonly hint: string };
    expect(said.message).toMatch(/tag 30583, 5 bits.*; ffmpeg cannot decode it/s);
    expect(said.hint).not.toContain('install ffmpeg');
  });

  it('reads the memo of a phone, whose index stands at the end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'whet-memo-'));
    const path = join(folder, 'memo.m4a');
    // Long enough for the data to fill a pipe and more.
    const made = ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'anoisesrc=d=20:a=0.3:r=44100', '-c:a', 'aac', '-b:a', '128k', path];
    spawnSync('ffmpeg', made);
    const bytes = readFileSync(path);
    rmSync(folder, { recursive: true });
    expect(bytes.indexOf('moov')).toBeGreaterThan(bytes.indexOf('mdat'));
    expect(await loud(bytes)).toBeGreaterThan(10);
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
