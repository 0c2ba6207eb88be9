import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseJudges, divide } from '../../agent/training/evidence.ts';
import type { FeatureSet } from '../../agent/types.ts';

/** Rows of these labels and groups; the features do not matter here. */
function rows(labels: readonly number[], groups: readonly number[]): FeatureSet {
  const count = labels.length;
  return { features: new Float32Array(count), count, width: 1, labels: Int32Array.from(labels), groups: Int32Array.from(groups) };
}

const idsOf = (count: number, from = 0) => Array.from({ length: count }, (_, row) => `sample-${from + row}`);

describe('rows that judge', () => {
  it('are none of the rows that are learned from, and a group never stands on both sides', () => {
    const arbitrary = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 90 })), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(arbitrary, (pairs) => {
        // A moment shows one class.
        const labels = pairs.map(([, group]) => group % 3);
        const groups = pairs.map(([, group]) => group);
        const { train, holdout } = divide(rows(labels, groups), idsOf(pairs.length));
        expect([...train, ...holdout].toSorted((a, b) => a - b)).toEqual(pairs.map((_, row) => row));
        const learned = new Set(train.map((row) => groups[row]));
        expect(holdout.some((row) => learned.has(groups[row]))).toBe(false);
        expect(new Set(train.map((row) => labels[row])).size).toBe(new Set(labels).size);
      }),
      { numRuns: 200 },
    );
  });

  it('stay the same while samples are added, so that nothing held out is ever learned', () => {
    const count = 200;
    const labels = Array.from({ length: count }, (_, row) => row % 2);
    const groups = labels.map((_, row) => row);
    const all = divide(rows(labels, groups), idsOf(count));
    const fewer = divide(rows(labels.slice(0, 120), groups.slice(0, 120)), idsOf(120));
    expect(fewer.holdout.length).toBeGreaterThan(10);
    expect(all.holdout.filter((row) => row < 120)).toEqual(fewer.holdout);
  });

  it('are held out where there are enough that the current release has not seen, else left out', () => {
    const division = { train: [0, 1, 2], holdout: Array.from({ length: 25 }, (_, index) => index + 3) };
    const ids = idsOf(28);
    expect(chooseJudges(division, ids, new Set())).toEqual({ kind: 'held-out', rows: division.holdout });
    expect(chooseJudges(division, ids, new Set(ids.slice(3, 10)))).toEqual({ kind: 'left-out', rows: [0, 1, 2] });
    expect(chooseJudges(division, ids, new Set([...ids.slice(3, 10), 'sample-1']))).toEqual({ kind: 'left-out', rows: [0, 2] });
  });
});
