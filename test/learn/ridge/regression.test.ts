import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrap } from '../../../agent/learn/intervals.ts';
import { judgeRegression, scoreRegression } from '../../../agent/learn/regression-score.ts';
import { fitRegression } from '../../../agent/learn/ridge/regression.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { noise } from '../../models.ts';

const width = 6;
const truth = [2, -1, 0.5, 0, 3, -2];

/** Targets in two units: y = h·w + 4, and a thousand times that plus noise. */
function problem(count: number, spread: number, seed: number) {
  const features = noise(count * width, seed);
  const errors = noise(count * 2, seed + 1);
  const targets = new Float32Array(count * 2);
  for (let row = 0; row < count; row += 1) {
    const exact = truth.reduce((sum, weight, at) => sum + weight * features[row * width + at]!, 4);
    targets[row * 2] = exact + spread * errors[row * 2]!;
    targets[row * 2 + 1] = 1000 * (exact + spread * errors[row * 2 + 1]!);
  }
  return {
    rows: { features, count, width },
    groups: Int32Array.from({ length: count }, (_, row) => row),
    targets,
    columns: 2,
    seed: 1,
    runtime: createRuntime(),
  };
}

describe('fitRegression', () => {
  it.each([
    ['dual', 10],
    ['primal', 200],
  ])('finds the line that is there (%s)', async (_form, count) => {
    const fitted = (await fitRegression(problem(count, 0.001, 3)))!;
    for (const [at, weight] of truth.entries()) {
      expect(fitted.weights[at * 2]).toBeCloseTo(weight, 1);
      expect(fitted.weights[at * 2 + 1]! / 1000).toBeCloseTo(weight, 1);
    }
    expect(fitted.bias[0]).toBeCloseTo(4, 1);
  });

  it('predicts each row by a fit without it: what is noise stays noise', async () => {
    const random = problem(40, 0, 3);
    const targets = noise(80, 77);
    const fitted = (await fitRegression({ ...random, targets }))!;
    const [score] = scoreRegression({ predictions: fitted.leftOut, targets, columns: 2, groups: random.groups });
    expect(score!.r2.value).toBeLessThan(0.1);
    // In one group with its copy, a row is left out with it.
    const twice = { ...random, targets: Float32Array.from([...targets.slice(0, 40), ...targets.slice(0, 40)]) };
    const features = Float32Array.from([...random.rows.features.slice(0, 20 * width), ...random.rows.features.slice(0, 20 * width)]);
    const together = Int32Array.from({ length: 40 }, (_, row) => row % 20);
    const joint = (await fitRegression({ ...twice, rows: { features, count: 40, width }, groups: together }))!;
    const [honest] = scoreRegression({ predictions: joint.leftOut, targets: twice.targets, columns: 2, groups: together });
    expect(honest!.r2.value).toBeLessThan(0.3);
  });

  it('has nothing to choose by where all captures are one group', async () => {
    const one = problem(5, 0, 3);
    expect(await fitRegression({ ...one, groups: new Int32Array(5) })).toBeNull();
  });
});

describe('judgeRegression', () => {
  const given = (count: number, error: number) => {
    const targets = Float32Array.from({ length: count }, (_, row) => row);
    const errors = noise(count, 9);
    const predictions = targets.map((target, row) => target + error * errors[row]!);
    return { predictions, targets, columns: 1, groups: Int32Array.from({ length: count }, (_, row) => row) };
  };

  it('accepts what beats the mean, and the current model, by more than chance', () => {
    expect(judgeRegression(given(30, 1), null).kind).toBe('accepted');
    expect(judgeRegression(given(30, 60), null).kind).toBe('rejected');
    expect(judgeRegression(given(30, 1), given(30, 1).targets).kind).toBe('rejected');
    expect(judgeRegression(given(30, 1), given(30, 8).predictions).kind).toBe('accepted');
  });

  it('waits for ten captures, and for targets that differ', () => {
    expect(judgeRegression(given(9, 0), null).kind).toBe('waiting');
    expect(judgeRegression({ ...given(12, 0), targets: new Float32Array(12).fill(3) }, null).kind).toBe('waiting');
  });
});

describe('bootstrap', () => {
  it('holds the value, is seeded, and widens where groups are few', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 5, maxLength: 40 }), (values) => {
        const mean = (rows: readonly number[]) => rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length;
        const alone = bootstrap(
          values.map((_, row) => row),
          mean,
        );
        expect(alone.low).toBeLessThanOrEqual(alone.value + 1e-9);
        expect(alone.high).toBeGreaterThanOrEqual(alone.value - 1e-9);
        expect(
          bootstrap(
            values.map((_, row) => row),
            mean,
          ),
        ).toEqual(alone);
      }),
      { numRuns: 20 },
    );
    const values = Array.from({ length: 40 }, (_, row) => Math.floor(row / 10));
    const mean = (rows: readonly number[]) => rows.reduce((sum, row) => sum + values[row]!, 0) / rows.length;
    const size = ({ low, high }: { readonly low: number; readonly high: number }) => high - low;
    expect(size(bootstrap(values, mean))).toBeGreaterThan(
      1.5 *
        size(
          bootstrap(
            values.map((_, row) => row),
            mean,
          ),
        ),
    );
  });
});
