// What is known travels: the model that `adapt` writes brings statistics and golden rows along, and an adaptation of it measures and holds them.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeSides } from '../../agent/adapt/side-files.ts';
import { adapt } from '../../agent/adapt.ts';
import { aboutShift } from '../../agent/learn/ridge/statistics.ts';
import { loadKnowledge } from '../../agent/model/knowledge.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { decodeSafeTensors } from '../../agent/onnx/codec/safetensors.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { clusters } from '../learn/samples.ts';

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'whet-sides-'));
  for (const [folder, indices] of [
    ['first', [0, 1, 2]],
    ['second', [5, 6, 7]],
  ] as const)
    for (const index of indices)
      for (let digit = 0; digit < 10; digit += 1) {
        mkdirSync(join(place, folder, String(digit)), { recursive: true });
        cpSync(`models/spoken-digits/demo/${digit}_german_${index}.wav`, join(place, folder, String(digit), `${index}.wav`));
      }
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

const run = (model: string, data: string, out: string) =>
  adapt({
    model,
    data: join(place, data),
    cut: { kind: 'layers', layers: 1 },
    classes: 'keep',
    learner: 'closed-form',
    runtime: createRuntime(),
    seed: 1,
    force: true,
    out,
  });
const about = (path: string) => decodeSafeTensors(readFileSync(path)).metadata;

it('writes them beside its output, and a second adaptation starts from them', async () => {
  const [one, two] = [join(place, 'one.onnx'), join(place, 'two.onnx')];
  const first = await run('models/spoken-digits/model.onnx', 'first', one);
  expect(first.sides).toEqual({ statistics: join(place, 'statistics.safetensors'), golden: join(place, 'golden.safetensors') });
  const before = readFileSync(first.sides.statistics!);
  const second = await run(one, 'second', two);
  // The first model's files stand there, and stay.
  expect(second.sides).toEqual({ statistics: join(place, 'two.statistics.safetensors'), golden: join(place, 'two.golden.safetensors') });
  expect(readFileSync(first.sides.statistics!).equals(before)).toBe(true);
  expect(second.base!.after).toBeGreaterThanOrEqual(first.base!.before - 0.02);
  expect(about(first.sides.statistics!)).toMatchObject({ lessons: '2', model: 'one.onnx' });
  expect(about(second.sides.statistics!)).toMatchObject({ lessons: '3', model: 'two.onnx' });
  expect(Number(about(second.sides.statistics!).weight)).toBeGreaterThan(Number(about(first.sides.statistics!).weight));
});

it('invents none for a model that brought none', async () => {
  const bare = join(place, 'bare');
  mkdirSync(bare);
  for (const name of ['model.onnx', 'model.json']) writeFileSync(join(bare, name), readFileSync(join('models/spoken-digits', name)));
  const { sides } = await run(join(bare, 'model.onnx'), 'first', join(bare, 'out.onnx'));
  expect(sides).toEqual({ statistics: null, golden: null });
  expect(readdirSync(bare).sort()).toEqual(['model.json', 'model.onnx', 'out.json', 'out.onnx']);
});

it('keeps the digits of features far from zero, summed about the same point in every lesson', async () => {
  const path = 'models/motion/model.onnx';
  const written = loadModel(path).model;
  const classifier = await openClassifier(written, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
  const { classes, features } = classifier;
  const rowsOf = (seed: number, by: number) => {
    const set = clusters({ perClass: 40, classes, width: features.width, seed });
    return { ...set, features: set.features.map((value) => value + by) };
  };
  const write = (from: string, name: string, mode: 'keep' | 'replace', seed: number, by: number) =>
    writeSides({
      from,
      out: join(place, name),
      written,
      classifier,
      mode,
      classes,
      train: rowsOf(seed, by),
      judging: null,
      runtime: createRuntime(),
    });
  const sumsAfterTwo = async (by: number) => {
    const [one, two] = [`first-${by}.onnx`, `second-${by}.onnx`];
    await write(path, one, 'replace', 1, by);
    cpSync(path, join(place, one));
    const first = loadKnowledge(join(place, one), classifier).statistics!;
    await write(join(place, one), two, 'keep', 2, by);
    return { first, second: loadKnowledge(join(place, two), classifier).statistics! };
  };
  const [near, far] = [await sumsAfterTwo(0), await sumsAfterTwo(1000)];
  expect(near.second.shift).toBeUndefined();
  expect(far.second.shift).toEqual(far.first.shift);
  expect(far.second.weight).toBe(near.second.weight);
  // Moved by 1000 less the point that they were summed about, they are the same sums.
  const point = far.second.shift!.map((value) => value - 1000);
  for (const [at, value] of aboutShift(near.second, point).gram.entries()) expect(far.second.gram[at]).toBeCloseTo(value, 0);
});
