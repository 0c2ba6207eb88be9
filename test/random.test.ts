import { describe, expect, it } from 'vitest';
import { randomOf, shuffled } from '../agent/random.ts';

describe('randomOf', () => {
  it('gives the numbers of the reference implementation of mulberry32', () => {
    const random = randomOf(1);
    // From the C code of the algorithm's author, seed 1.
    expect([random(), random(), random()].map((value) => Math.round(value * 2 ** 32))).toEqual([2693262067, 11749833, 2265367787]);
  });

  it('gives the same sequence for a seed, another for another, in [0, 1) and evenly', () => {
    const draw = (seed: number) => Array.from({ length: 1000 }, randomOf(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(7).every((value) => value >= 0 && value < 1)).toBe(true);
    expect(draw(7).reduce((sum, value) => sum + value, 0) / 1000).toBeCloseTo(0.5, 1);
  });
});

describe('shuffled', () => {
  it('keeps the items, and leaves the original alone', () => {
    const items = [1, 2, 3, 4, 5, 6, 7, 8];
    const order = shuffled(items, randomOf(3));
    expect(order).not.toEqual(items);
    expect(order.toSorted()).toEqual(items);
    expect(items).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
