import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createMicrophoneSource, type Heard, type MicrophoneOptions, type Segmenter } from '../../agent/capture/microphone.ts';
import { toPcm, toWav } from '../../agent/capture/pcm.ts';
import type { Source } from '../../agent/capture/source.ts';
import { decodeWav } from '../../agent/preprocess/wav.ts';
import { createRecorder } from './recorder.ts';

const sampleRate = 8000;
const folder = mkdtempSync(join(tmpdir(), 'whet-microphone-'));
let source: Source | null = null;

afterEach(async () => {
  await source?.stop();
  source = null;
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A tenth of a second of a tone, then as much silence. */
function beep(level: number): Float32Array {
  return Float32Array.from({ length: 1600 }, (_, at) => (at < 800 ? level * Math.sin((2 * Math.PI * 440 * at) / sampleRate) : 0));
}

/** Whatever lies between zeros of at least 100 samples. */
function betweenZeros(): Segmenter {
  let kept: number[] = [];
  let zeros = 0;
  const cut = (): readonly Heard[] => {
    const samples = Float32Array.from(kept.slice(0, kept.length - zeros));
    kept = [];
    return samples.length === 0 ? [] : [{ samples }];
  };
  return {
    push(samples) {
      const heard: Heard[] = [];
      for (const value of samples) {
        zeros = value === 0 ? zeros + 1 : 0;
        if (kept.length > 0 || value !== 0) kept.push(value);
        if (zeros === 100 && kept.length > 0) heard.push(...cut());
      }
      return heard;
    },
    flush: cut,
  };
}

function open(command: readonly string[], options: Partial<MicrophoneOptions> = {}): Source {
  source = createMicrophoneSource({
    ...{ name: 'kitchen', command, sampleRate, stallMs: 60_000, createSegmenter: betweenZeros },
    ...{ graceMs: 200, retryMinMs: 20, retryMaxMs: 40 },
    ...options,
  });
  return source;
}

/** A file of raw sound, as a program would print it. */
function recording(name: string, sounds: readonly Float32Array[]): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(sounds.map(toPcm)));
  return path;
}

const script = (body: string) => [process.execPath, '-e', body];

describe('a microphone', () => {
  it('gives each utterance as a WAV file, also the one that the end cuts off', async () => {
    const recorder = createRecorder();
    const path = recording('three', [beep(0.5), beep(0.9), beep(0.7).subarray(0, 800)]);
    await open(['cat', path], { retryMinMs: 5000 }).start(recorder.context);
    await recorder.until('three utterances', () => recorder.captures.length === 3);
    expect(recorder.captures).toMatchObject(Array(3).fill({ source: 'kitchen', kind: 'audio' }));
    const peaks = recorder.captures.map(({ bytes }) => {
      const { samples, sampleRate: rate } = decodeWav(bytes);
      expect(rate).toBe(sampleRate);
      expect(samples.length).toBeGreaterThan(700);
      return Math.max(...samples);
    });
    expect(peaks[0]).toBeCloseTo(0.5, 2);
    expect(peaks[1]).toBeCloseTo(0.9, 2);
    expect(peaks[2]).toBeCloseTo(0.7, 2);
    expect(source?.status()).toMatchObject({ state: 'degraded', captures: 3, lastError: 'cat ended with exit status 0' });
  });

  it('reads samples that fall into two chunks', async () => {
    const recorder = createRecorder();
    const path = recording('odd', [beep(0.5)]);
    const body = `const all = require('node:fs').readFileSync(${JSON.stringify(path)}); let at = 0;
      const next = () => { process.stdout.write(all.subarray(at, at += 333)); if (at < all.length) setTimeout(next, 1); else setInterval(() => {}, 1e6); }; next();`;
    await open(script(body)).start(recorder.context);
    await recorder.until('an utterance', () => recorder.captures.length === 1);
    const original = beep(0.5);
    const { samples } = decodeWav(recorder.captures[0]!.bytes);
    // The first sample of a sine is zero, and zeros before an utterance are left out.
    for (const [index, value] of samples.entries()) expect(Math.abs(value - original[index + 1]!)).toBeLessThan(1e-4);
  });

  it('is started again when it hangs, and says so once', async () => {
    const recorder = createRecorder();
    const path = recording('hang', [beep(0.5)]);
    // A shell, which starts long before its silence counts as a stall, also on a busy machine.
    const command = ['sh', '-c', `trap '' TERM; cat "$0"; while :; do sleep 1; done`, path];
    await open(command, { stallMs: 1000 }).start(recorder.context);
    await recorder.until('utterances of two runs', () => recorder.captures.length === 2);
    expect(recorder.warnings).toHaveLength(1);
    expect(recorder.warnings[0]).toContain('printed no sound, not even silence, for 1 s');
  });

  it('that is not there is degraded and not fatal', async () => {
    const recorder = createRecorder();
    const missing = open(['arecord-of-another-board']);
    await missing.start(recorder.context);
    await recorder.until('a reason', () => missing.status().lastError?.includes('is not installed') === true);
    expect(missing.status().state).toBe('degraded');
  });

  it('keeps the newest of many utterances when nobody takes them', async () => {
    const recorder = createRecorder({ emit: () => new Promise(() => {}) });
    const path = recording(
      'many',
      Array.from({ length: 40 }, () => beep(0.5)),
    );
    const microphone = open(['cat', path], { retryMinMs: 5000 });
    await microphone.start(recorder.context);
    await recorder.until('the end', () => microphone.status().lastError === 'cat ended with exit status 0');
    expect(microphone.status()).toMatchObject({ captures: 0, dropped: 40 - 1 - 16 });
    await microphone.stop();
    expect(microphone.status().state).toBe('stopped');
  });
});

describe('a WAV file', () => {
  it('holds the samples, and what is too loud is cut off', () => {
    const { samples, sampleRate: rate } = decodeWav(toWav(Float32Array.of(0, 0.5, -0.25, 3, -3), 16_000));
    expect(rate).toBe(16_000);
    expect([...samples]).toEqual([0, 0.5, -0.25, 32767 / 32768, -1]);
  });
});
