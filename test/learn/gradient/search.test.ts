// When a fit that begins warm goes no further, and that going ahead with some folds changes nothing where it does go further.

import { describe, expect, it } from 'vitest';
import { bindFeatures } from '../../../agent/autodiff/trainable.ts';
import { type GradientEngine, openEngine } from '../../../agent/learn/gradient/engine.ts';
import { planFor } from '../../../agent/learn/gradient/plan.ts';
import { attemptFit } from '../../../agent/learn/gradient/search.ts';
import { assignFolds } from '../../../agent/learn/splits.ts';
import type { Tensor } from '../../../agent/onnx/ir.ts';
import { floats } from '../../../agent/onnx/made/build.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import type { FeatureSet } from '../../../agent/types.ts';
import { Random } from '../../autodiff/random.ts';
import { twoLayerTail } from '../samples.ts';
import { inputOf, normal } from './problems.ts';

const [classes, count, folds] = [2, 80, 4];

/** Exclusive or, which depth learns; or labels that have nothing to do with the features. */
function corners(hasMeaning: boolean): FeatureSet {
  const r = new Random(2);
  const labels = Int32Array.from({ length: count }, (_, row) => row % 2);
  const features = new Float32Array(count * 4);
  for (let row = 0; row < count; row += 1) {
    const first = r.flag() ? 1 : -1;
    const second = hasMeaning ? (labels[row] === 0 ? first : -first) : r.flag() ? 1 : -1;
    features.set(
      [first, second, normal(r), normal(r)].map((x) => x + 0.3 * normal(r)),
      row * 4,
    );
  }
  return { features, count, width: 4, labels, groups: Int32Array.from({ length: count }, (_, row) => row) };
}

/** One fit with the epochs that the engine was asked for. */
async function learn(train: FeatureSet, scouting: number) {
  const tail = bindFeatures(twoLayerTail(4, 16, classes, 4), [4]);
  const start = new Map(tail.parameters.map(({ name }) => [name, tail.model.graph.initializers.get(name) as Tensor]));
  const features = floats([count, 4], train.features);
  const weights = new Float32Array(count).fill(1);
  const plan = { ...planFor(count, (count * 3) / 4, null), rate: 0.01, scouting };
  const samples = { features, labels: train.labels, weights, teaching: null };
  await using engine = await openEngine(tail, samples, { classes, batch: plan.batch, anchor: 0, base: start, runtime: createRuntime() });
  let epochs = 0;
  const counted: GradientEngine = {
    ...engine,
    epoch(...args) {
      epochs += 1;
      return engine.epoch(...args);
    },
  };
  const foldOf = assignFolds(train, folds, 1);
  const rows = Array.from({ length: count }, (_, row) => row);
  const splits = Array.from({ length: folds }, (_, fold) => ({
    train: rows.filter((row) => foldOf[row] !== fold),
    holdout: rows.filter((row) => foldOf[row] === fold),
    start,
  }));
  const input = inputOf(tail, train, classes);
  const result = await attemptFit(counted, { input, features, weights, start, splits, isWarm: true, plan, mixup: 0, measureGrids: null });
  return { result: result!, epochs, plan };
}

const never = Number.POSITIVE_INFINITY;

describe('a fit that begins warm', () => {
  it('ends after a few epochs of half its folds where they find nothing better, and says of every row what the whole search says', async () => {
    const nothing = corners(false);
    const { result, epochs } = await learn(nothing, 5);
    expect(epochs).toBe((folds / 2) * 5);
    expect(result).toMatchObject({ epochs: 0 });

    const whole = await learn(nothing, never);
    expect(whole.result).toEqual(result);
    expect(whole.epochs).toBeGreaterThan(3 * epochs);
  });

  it('learns the same to the bit, at no epoch more, where it goes on', async () => {
    const meaning = corners(true);
    const scouted = await learn(meaning, 5);
    const whole = await learn(meaning, never);
    expect(scouted.result.epochs).toBeGreaterThan(10);
    expect(scouted).toEqual({ ...whole, plan: scouted.plan });
  });
});

it('an engine gives back what it made for a course that is over, and nothing that was handed in', async () => {
  const train = corners(true);
  const tail = bindFeatures(twoLayerTail(4, 16, classes, 4), [4]);
  const start = new Map(tail.parameters.map(({ name }) => [name, tail.model.graph.initializers.get(name) as Tensor]));
  const samples = {
    features: floats([count, 4], train.features),
    labels: train.labels,
    weights: new Float32Array(count).fill(1),
    teaching: null,
  };
  await using engine = await openEngine(tail, samples, { classes, batch: 8, anchor: 0, base: start, runtime: createRuntime() });
  const order = BigInt64Array.from({ length: 16 }, (_, at) => BigInt(at));
  const begun = engine.begin(start);
  const { course: first } = await engine.epoch(begun, order, Float32Array.of(0.01, 0.01));
  engine.release(begun);
  const { course: second } = await engine.epoch(first, order, Float32Array.of(0.01, 0.01));
  engine.release(first);
  const sizes = (weights: ReadonlyMap<string, Tensor>) => tail.parameters.map(({ name }) => weights.get(name)!.data.length);
  const full = sizes(start);
  expect(full.every((size) => size > 0)).toBe(true);
  expect(sizes(first.weights)).toEqual(full.map(() => 0));
  expect(Object.values(first.state).every(({ data }) => data.length === 0)).toBe(true);
  expect(sizes(second.weights)).toEqual(full);
});
