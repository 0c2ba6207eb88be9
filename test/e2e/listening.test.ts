// A device that listens: its report says how often an hour it would hear something where there is nothing, and what it misses, as `adapt` does.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { toWav } from '../../agent/capture/pcm.ts';
import { shippedFile } from '../../agent/installation.ts';
import { randomOf } from '../../agent/random.ts';
import { createDevice, eventually, type TestDevice } from './daemon.ts';

const open: TestDevice[] = [];
afterEach(async () => {
  for (const device of open.splice(0)) await device.close();
});

const rate = 8000;

/** A second of a soft hiss with a chord of this pitch in it. */
function chord(hertz: number, seed: number): Uint8Array {
  const random = randomOf(seed);
  const samples = Float32Array.from({ length: rate }, (_, index) => {
    const time = index / rate;
    const isOn = time >= 0.3 && time < 0.7;
    const sum = [1, 2, 3.5, 5].reduce((total, factor) => total + Math.sin(2 * Math.PI * hertz * factor * (1 + 0.002 * seed) * time) / 5, 0);
    return 0.002 * (random() - 0.5) + (isOn ? 0.6 * sum * (0.9 + 0.2 * random()) : 0);
  });
  return toWav(samples, rate);
}

it('counts false accepts and misses in its report, and keeps no such count for a model that knows no background', {
  timeout: 240_000,
}, async () => {
  const lines = ['classes: replace', 'duplicates: {windowSeconds: 0}', 'training: {minNewLabels: 100000, minPerClass: 3}'];
  const device = createDevice('listening', lines);
  open.push(device);
  const model = JSON.stringify(shippedFile('models/spoken-digits/model.onnx'));
  writeFileSync(device.config, readFileSync(device.config, 'utf8').replace(/^model: .*$/m, `model: ${model}`));
  await device.start();
  for (let seed = 1; seed <= 12; seed += 1) {
    device.drop(`ring/${seed}.wav`, chord(300 + 3 * seed, seed));
    device.drop(`background/${seed}.wav`, chord(90 + seed, 50 + seed));
  }
  await eventually('all labels', async () => (await device.client.status({})).samples.labelled === 24);
  const report = await device.client.train({});
  expect(report.verdict, report.verdict.reason).toMatchObject({ kind: 'accepted' });
  const { background, falseAccepts, missed } = report.listening!;
  expect(background).toEqual(['background']);
  // Every recording of the background that judges has a second, and none of them rings.
  expect(falseAccepts).toMatchObject({ count: 0, perHour: 0 });
  expect(falseAccepts!.seconds).toBeGreaterThanOrEqual(3);
  expect(falseAccepts!.high).toBeGreaterThan(0);
  expect(missed).toMatchObject({ count: 0 });
  expect(missed!.samples).toBeGreaterThanOrEqual(3);

  // The same sounds under other names: nothing in them says that nothing was said.
  await device.client.forget({ all: true });
  for (let seed = 1; seed <= 8; seed += 1) {
    device.drop(`ring/again-${seed}.wav`, chord(300 + 3 * seed, 100 + seed));
    device.drop(`knock/again-${seed}.wav`, chord(90 + seed, 150 + seed));
  }
  await eventually('all labels again', async () => (await device.client.status({})).samples.labelled === 16);
  expect((await device.client.train({})).listening ?? null).toBeNull();
});
