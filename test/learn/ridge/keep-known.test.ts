import { describe, expect, it } from 'vitest';
import { baseWeight, isClearlyBetter, isWorthForgetting, personalWeightOf } from '../../../agent/learn/ridge/keep-known.ts';

describe('personalWeightOf', () => {
  it('lets a person weigh more than the base, within bounds', () => {
    expect(personalWeightOf(550) * 550).toBeCloseTo(2.5 * baseWeight, 6);
    expect(personalWeightOf(10)).toBe(10);
    expect(personalWeightOf(0)).toBe(10);
    expect(personalWeightOf(5000)).toBe(1);
  });
});

describe('isClearlyBetter', () => {
  /** Predictions of rows whose class is 0: right where told. */
  const fitted = (right: readonly boolean[] | null) => ({
    weights: new Map(),
    details: {},
    crossValidated: right === null ? null : Float32Array.from(right.flatMap((each) => (each ? [1, 0] : [0, 1]))),
  });
  const rows = (count: number, groupOf: (row: number) => number) => ({
    features: new Float32Array(count),
    count,
    width: 1,
    labels: new Int32Array(count),
    groups: Int32Array.from({ length: count }, (_, row) => groupOf(row)),
  });
  const first = (count: number, right: number) => Array.from({ length: count }, (_, row) => row < right);

  it('takes 49 against 47 of 50 for chance, and 50 against 40 not', () => {
    const set = rows(50, (row) => row);
    expect(isClearlyBetter(fitted(first(50, 49)), fitted(first(50, 47)), set, 2)).toBe(false);
    expect(isClearlyBetter(fitted(first(50, 50)), fitted(first(50, 40)), set, 2)).toBe(true);
    expect(isClearlyBetter(fitted(first(50, 40)), fitted(first(50, 50)), set, 2)).toBe(false);
  });

  it('gives knowledge up only for more than a few points', () => {
    const set = rows(500, (row) => row);
    expect(isClearlyBetter(fitted(first(500, 500)), fitted(first(500, 485)), set, 2)).toBe(true);
    expect(isWorthForgetting(fitted(first(500, 500)), fitted(first(500, 485)), set, 2)).toBe(false);
    expect(isWorthForgetting(fitted(first(500, 500)), fitted(first(500, 450)), set, 2)).toBe(true);
  });

  it('counts the copies of one capture once', () => {
    expect(
      isClearlyBetter(
        fitted(first(50, 50)),
        fitted(first(50, 40)),
        rows(50, (row) => Math.floor(row / 25)),
        2,
      ),
    ).toBe(false);
  });

  it('says no where nothing was left out', () => {
    expect(
      isClearlyBetter(
        fitted(null),
        fitted(first(5, 0)),
        rows(5, (row) => row),
        2,
      ),
    ).toBe(false);
  });
});
