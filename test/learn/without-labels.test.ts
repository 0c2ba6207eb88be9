import { describe, expect, it } from 'vitest';
import { agreedLabels } from '../../agent/learn/pseudo-labels.ts';
import { gatherStatistics, oneHot } from '../../agent/learn/ridge/gather.ts';
import { recentred } from '../../agent/learn/ridge/recentre.ts';
import type { RidgeFit } from '../../agent/learn/ridge/ridge.ts';
import { emptyStatistics, meanOfStatistics } from '../../agent/learn/ridge/statistics.ts';
import { mostUncertain, uncertaintyOf } from '../../agent/learn/uncertainty.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

describe('uncertaintyOf', () => {
  it.each([
    ['margin', [0.5, 0.4, 0.1], 0.9],
    ['margin', [1, 0, 0], 0],
    ['confidence', [0.5, 0.4, 0.1], 0.5],
    ['entropy', [0.25, 0.25, 0.25, 0.25], 1],
    ['entropy', [0, 1, 0], 0],
  ] as const)('%s of %j is %d', (kind, probabilities, wanted) => {
    expect(uncertaintyOf(probabilities, kind)).toBeCloseTo(wanted, 6);
  });

  it('orders by the chosen measure: two rivals are a small margin, four a high entropy', () => {
    const rows = Float32Array.of(0.5, 0.48, 0.01, 0.01, 0.4, 0.2, 0.2, 0.2, 0.97, 0.01, 0.01, 0.01);
    expect(mostUncertain(rows, 4, 'margin', 2)).toEqual([0, 1]);
    expect(mostUncertain(rows, 4, 'entropy', 2)).toEqual([1, 0]);
    expect(mostUncertain(rows, 4, 'confidence', 9)).toEqual([1, 0, 2]);
  });
});

describe('agreedLabels', () => {
  const sure = [0.9, 0.1];
  const other = [0.2, 0.8];
  const unsure = [0.55, 0.45];
  const view = (...rows: readonly (readonly number[])[]) => Float32Array.from(rows.flat());

  it('labels what every copy agrees on with confidence', () => {
    const views = [view(sure, sure, other, unsure), view(sure, other, other, unsure)];
    const { rows, labels, confidences } = agreedLabels(views, 2, { confidence: 0.7, perClass: 10 });
    expect(rows).toEqual([0, 2]);
    expect(Array.from(labels)).toEqual([0, 1]);
    expect(confidences[1]).toBeCloseTo(0.8, 6);
  });

  it('takes the surest of a class, and no more than it may', () => {
    const views = [view([0.8, 0.2], [0.95, 0.05], [0.9, 0.1], other)];
    expect(agreedLabels(views, 2, { confidence: 0.5, perClass: 2 }).rows).toEqual([1, 2, 3]);
    expect(agreedLabels([], 2, { confidence: 0.5, perClass: 2 }).rows).toEqual([]);
  });
});

describe('recentred', () => {
  it('gives for moved features what the head gave for the features before', async () => {
    const head = { weights: Float32Array.of(1, -1, 0.5, 2, -0.5, 0.25), bias: Float32Array.of(0.1, -0.2) };
    const before = { features: Float32Array.of(1, 2, 3, -1, 0, 2, 0, 1, 1, 2, 1, 0), count: 4, width: 3 };
    const shift = [5, -3, 0.5];
    const moved = { ...before, features: before.features.map((value, at) => value + shift[at % 3]!) };
    const statistics = await gatherStatistics(before, oneHot([0, 1, 0, 1], 2), 2, createRuntime());
    const scores = (features: Float32Array, { weights, bias }: RidgeFit) =>
      Array.from({ length: 8 }, (_, at) => {
        const [row, label] = [Math.floor(at / 2), at % 2];
        return [0, 1, 2].reduce((sum, column) => sum + features[row * 3 + column]! * weights[column * 2 + label]!, bias[label]!);
      });
    const base = meanOfStatistics(statistics);
    for (const [at, value] of scores(moved.features, recentred(head, moved, base, 1)).entries())
      expect(value).toBeCloseTo(scores(before.features, head)[at]!, 5);
    expect(Array.from(recentred(head, moved, base, 0).bias)).toEqual(Array.from(head.bias));
  });

  it('refuses a set of no rows', () => {
    const head = { weights: new Float32Array(6), bias: new Float32Array(2) };
    const none = { features: new Float32Array(0), count: 0, width: 3 };
    expect(() => recentred(head, none, meanOfStatistics({ ...emptyStatistics(3, 2), weight: 1 }), 1)).toThrow(/no features/);
  });
});
