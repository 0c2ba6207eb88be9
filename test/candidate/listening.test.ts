// False accepts an hour and misses of a model that listens: counted in recordings as the daemon would hear them.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { adapt } from '../../agent/adapt.ts';
import { backgroundClasses } from '../../agent/candidate/listening.ts';
import { toWav } from '../../agent/capture/pcm.ts';
import { formatAdapt } from '../../agent/cli/adapt.ts';
import { countBounds } from '../../agent/learn/intervals.ts';
import { randomOf } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const place = mkdtempSync(join(tmpdir(), 'whet-listening-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const rate = 8000;

/** Seconds of a soft hiss, with a chord from each of `at` on for 0.4 s, at this pitch. */
function sound(seconds: number, at: readonly number[], hertz: number, seed: number): Uint8Array {
  const random = randomOf(seed);
  const samples = Float32Array.from({ length: seconds * rate }, (_, index) => {
    const time = index / rate;
    const isOn = at.some((from) => time >= from && time < from + 0.4);
    const chord = [1, 2, 3.5, 5].reduce((sum, factor) => sum + Math.sin(2 * Math.PI * hertz * factor * (1 + 0.002 * seed) * time) / 5, 0);
    return 0.002 * (random() - 0.5) + (isOn ? 0.6 * chord * (0.9 + 0.2 * random()) : 0);
  });
  return toWav(samples, rate);
}

function write(folder: string, name: string, bytes: Uint8Array): void {
  mkdirSync(join(place, folder), { recursive: true });
  writeFileSync(join(place, folder, name), bytes);
}

it('are counted in utterances of the background, with the time that they lasted', { timeout: 60_000 }, async () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    write('data/ring', `${seed}.wav`, sound(1, [0.3], 300 + 3 * seed, seed));
    write('data/background', `${seed}.wav`, sound(1, [0.3], 90 + seed, 50 + seed));
    write('test/ring', `${seed}.wav`, sound(1, [0.25], 302 + 3 * seed, 100 + seed));
    write('test/background', `${seed}.wav`, sound(1, [0.35], 91 + seed, 150 + seed));
  }
  // Half a minute of background in which it rings three times.
  write('test/background', 'long.wav', sound(30, [5, 14, 23], 310, 7));
  const report = await adapt({
    model: fileURLToPath(new URL('../../models/spoken-digits/model.onnx', import.meta.url)),
    ...{ data: join(place, 'data'), test: join(place, 'test'), out: join(place, 'ring.onnx') },
    ...{ cut: { kind: 'layers', layers: 1 }, classes: 'replace', learner: 'auto', runtime: createRuntime(), seed: 1, force: true },
  });
  const { falseAccepts, missed, background } = report.listening!;
  expect(background).toEqual(['background']);
  expect(missed).toMatchObject({ count: 0, samples: 8 });
  expect(falseAccepts).toMatchObject({ count: 3, seconds: 38 });
  expect(falseAccepts!.perHour).toBeCloseTo((3 * 3600) / 38, 6);
  expect(falseAccepts!.low).toBeLessThan(falseAccepts!.perHour / 3);
  expect(formatAdapt(report)).toMatch(/accepts {3}3 false in 38 s of background: 284 an hour .*\nmisses {4}0 of 8/);
});

it('is asked of models that know a background', () => {
  expect(backgroundClasses(['yes', '_background_noise_', 'no', 'Unknown'], false)).toEqual([1, 3]);
  expect(backgroundClasses(['not jarvis', 'jarvis'], true)).toEqual([0]);
  expect(backgroundClasses(['no', 'yes'], false)).toEqual([]);
  expect(backgroundClasses(['another', 'noisy street'], false)).toEqual([]);
});

it('says how little a count may mean', () => {
  expect(countBounds(0)).toEqual([0, expect.closeTo(3.6889, 3)]);
  expect(countBounds(10).map((value) => value.toFixed(3))).toEqual(['4.795', '18.390']);
});
