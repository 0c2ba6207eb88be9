// Two models on the same samples: the difference, its error by the formula and by counting over resampled sets.
import { expect, it } from 'vitest';
import { comparePaired } from '../../agent/learn/paired.ts';
import { randomOf } from '../../agent/random.ts';

it('says how much better the second is, with the error that repeated draws show', () => {
  const random = randomOf(3);
  // Both right, only the second, only the first, none: the true difference is 0.12.
  const draw = () => {
    const u = random();
    return u < 0.5 ? [true, true] : u < 0.7 ? [false, true] : u < 0.78 ? [true, false] : [false, false];
  };
  const comparisons = Array.from({ length: 400 }, () => {
    const pairs = Array.from({ length: 200 }, draw);
    return comparePaired(
      pairs.map(([first]) => first === true),
      pairs.map(([, second]) => second === true),
    );
  });
  const mean = comparisons.reduce((sum, { gain }) => sum + gain, 0) / 400;
  const spread = Math.sqrt(comparisons.reduce((sum, { gain }) => sum + (gain - mean) ** 2, 0) / 399);
  expect(mean).toBeCloseTo(0.12, 2);
  expect(comparisons[0]!.standardError / spread).toBeGreaterThan(0.8);
  expect(comparisons[0]!.standardError / spread).toBeLessThan(1.25);
  const covered = comparisons.filter(({ low, high }) => low <= 0.12 && 0.12 <= high).length;
  expect(covered / 400).toBeGreaterThan(0.9);
  expect(covered / 400).toBeLessThan(0.99);
});

it('knows nothing of no samples, and no difference between equals', () => {
  expect(comparePaired([], [])).toMatchObject({ gain: 0, standardError: 1, first: { samples: 0 } });
  expect(comparePaired([true, false], [true, false])).toMatchObject({
    gain: 0,
    low: 0,
    high: 0,
    first: { value: 0.5 },
    second: { value: 0.5 },
  });
});
