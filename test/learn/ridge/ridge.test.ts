// Both forms of ridge regression against a direct solve in double precision, and leaving out against refitting.

import { describe, expect, it } from 'vitest';
import { solvePositive } from '../../../agent/learn/ridge/cholesky.ts';
import { openDualRidge } from '../../../agent/learn/ridge/dual-ridge.ts';
import { oneHot } from '../../../agent/learn/ridge/gather.ts';
import { openPrimalRidge } from '../../../agent/learn/ridge/primal-ridge.ts';
import type { Ridge } from '../../../agent/learn/ridge/ridge.ts';
import { assignFolds } from '../../../agent/learn/splits.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import type { FeatureSet } from '../../../agent/types.ts';
import { clusters, directRidge, meanSquaredDistance } from '../samples.ts';

const classes = 3;
const plain = clusters({ perClass: 12, classes, width: 7, seed: 3, perGroup: 2 });
const weighted: FeatureSet = { ...plain, weights: Float32Array.from({ length: plain.count }, (_, row) => 0.5 + (row % 4)) };
const everyRow = (set: FeatureSet) => Array.from({ length: set.count }, (_, row) => row);

async function open(form: 'dual' | 'primal', set: FeatureSet, intercept: boolean): Promise<Ridge> {
  const targets = oneHot(set.labels, classes);
  const problem = { rows: set, groups: set.groups, targets, columns: classes, intercept, runtime: createRuntime() };
  return form === 'dual'
    ? openDualRidge(problem)
    : openPrimalRidge({ ...problem, labels: set.labels, prior: null, personalWeight: 1, seed: 5 });
}

function largestGap(actual: ArrayLike<number>, wanted: readonly number[]): number {
  return wanted.reduce((most, value, at) => Math.max(most, Math.abs(value - actual[at]!)), 0);
}

describe.each(['dual', 'primal'] as const)('%s ridge', (form) => {
  it.each([
    ['plain rows', plain, true],
    ['weighted rows', weighted, true],
    ['no intercept', weighted, false],
  ] as const)('equals a direct solve in double precision: %s', async (_, set, intercept) => {
    await using ridge = await open(form, set, intercept);
    for (const lambda of [1e-3, 0.1, 10]) {
      const fit = await ridge.solve(lambda);
      const absolute = lambda * meanSquaredDistance(set, intercept);
      const direct = directRidge(set, everyRow(set), oneHot(set.labels, classes), classes, absolute, intercept);
      expect(largestGap(fit.weights, direct.slice(0, -1).flat())).toBeLessThan(2e-4);
      expect(largestGap(fit.bias, direct.at(-1) as number[])).toBeLessThan(2e-4);
    }
  });

  it('predicts left-out rows as a refit without them does', async () => {
    await using ridge = await open(form, weighted, true);
    const parts = form === 'dual' ? weighted.groups : assignFolds(weighted, 5, 5);
    const targets = oneHot(weighted.labels, classes);
    for (const lambda of [0.01, 1]) {
      const [predictions] = (await ridge.leftOut([lambda])) ?? [];
      for (const part of new Set(parts)) {
        const kept = everyRow(weighted).filter((row) => parts[row] !== part);
        const direct = directRidge(weighted, kept, targets, classes, lambda * meanSquaredDistance(weighted));
        for (const row of everyRow(weighted).filter((other) => parts[other] === part)) {
          const wanted = (direct.at(-1) as number[]).map(
            (bias, label) => bias + plain.features.subarray(row * 7, row * 7 + 7).reduce((sum, h, at) => sum + h * direct[at]![label]!, 0),
          );
          expect(largestGap(predictions!.subarray(row * classes, (row + 1) * classes), wanted)).toBeLessThan(form === 'dual' ? 1e-4 : 1e-3);
        }
      }
    }
  });

  it('has nothing to leave out where all rows are one group', async () => {
    await using ridge = await open(form, { ...plain, groups: new Int32Array(plain.count) }, true);
    expect(await ridge.leftOut([1])).toBeNull();
  });
});

describe.each([
  ['products of rows', 12],
  ['sums over features', 100],
] as const)('primal ridge of many features, by conjugate gradients on %s', (_, perClass) => {
  const many = clusters({ perClass, classes, width: 270, seed: 3, perGroup: 2 });
  const weighing = { ...many, weights: Float32Array.from({ length: many.count }, (_, row) => 0.5 + (row % 4)) };
  const targets = oneHot(many.labels, classes);

  it.each([
    ['plain rows', many, true],
    ['weighted rows', weighing, true],
    ['no intercept', weighing, false],
  ] as const)('equals a direct solve too: %s', async (_, set, intercept) => {
    await using ridge = await open('primal', set, intercept);
    const fit = await ridge.solve(0.1);
    const absolute = 0.1 * meanSquaredDistance(set, intercept);
    const direct = directRidge(set, everyRow(set), targets, classes, absolute, intercept);
    expect(largestGap(fit.weights, direct.slice(0, -1).flat())).toBeLessThan(2e-4);
    expect(largestGap(fit.bias, direct.at(-1) as number[])).toBeLessThan(2e-4);
  });

  it('predicts left-out rows as a refit without them does', async () => {
    await using ridge = await open('primal', weighing, true);
    const parts = assignFolds(weighing, 5, 5);
    const predictions = await ridge.leftOut([0.1, 1]);
    for (const [at, lambda] of [0.1, 1].entries()) {
      const kept = everyRow(weighing).filter((row) => parts[row] !== 0);
      const direct = directRidge(weighing, kept, targets, classes, lambda * meanSquaredDistance(weighing));
      for (const row of everyRow(weighing).filter((other) => parts[other] === 0)) {
        const h = weighing.features.subarray(row * 270, (row + 1) * 270);
        const wanted = (direct.at(-1) as number[]).map((bias, label) =>
          h.reduce((sum, value, k) => sum + value * direct[k]![label]!, bias),
        );
        expect(largestGap(predictions![at]!.subarray(row * classes, (row + 1) * classes), wanted)).toBeLessThan(2e-3);
      }
    }
  });
});

describe('solvePositive', () => {
  it('solves for every column, and says where there is nothing to solve', () => {
    const a = Float32Array.of(4, 1, 0, 1, 3, 1, 0, 1, 2);
    const x = Float32Array.of(1, -2, 0.5, 3, -1, 2);
    const b = new Float32Array(6);
    for (let row = 0; row < 3; row += 1)
      for (let column = 0; column < 2; column += 1)
        for (let k = 0; k < 3; k += 1) b[row * 2 + column]! += (a[row * 3 + k]! + (row === k ? 0.5 : 0)) * x[k * 2 + column]!;
    for (const [at, value] of solvePositive(a, 3, 0.5, b, 2)!.entries()) expect(value).toBeCloseTo(x[at]!, 5);
    expect(
      solvePositive(
        a.map((value) => -value),
        3,
        0.5,
        b,
        2,
      ),
    ).toBeNull();
  });
});
