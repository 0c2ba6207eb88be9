import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseJudges, divide, momentsPerClass } from '../../agent/candidate/divide.ts';

/** Rows of these labels and groups. */
function rows(labels: readonly number[], groups: readonly number[] = labels.map((_, row) => row)) {
  return { count: labels.length, labels: Int32Array.from(labels), groups: Int32Array.from(groups) };
}

const idsOf = (count: number) => Array.from({ length: count }, (_, row) => `sample-${row}`);

describe('rows that judge', () => {
  it('are none of the rows that are learned from, a moment stands on one side, and every class is learned', () => {
    const row = fc.record({ label: fc.nat(2), group: fc.nat(40), judges: fc.boolean() });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 200 }), (all) => {
        const set = rows(
          all.map(({ label }) => label),
          all.map(({ group }) => group),
        );
        const { train, holdout } = divide(
          set,
          all.map(({ judges }) => judges),
        );
        expect([...train, ...holdout].sort((a, b) => a - b)).toEqual(all.map((_, at) => at));
        const learned = new Set(train.map((at) => set.groups[at]));
        expect(holdout.some((at) => learned.has(set.groups[at]))).toBe(false);
        expect(new Set(train.map((at) => set.labels[at])).size).toBe(new Set(set.labels).size);
      }),
    );
  });

  it('are those held out where there are enough of every class; else the others judge too, by predictions without them', () => {
    const labels = Array.from({ length: 28 }, (_, row) => row % 2);
    const division = { train: [0, 1, 2], holdout: Array.from({ length: 25 }, (_, index) => index + 3) };
    const [set, ids] = [rows(labels), idsOf(28)];
    expect(chooseJudges(division, set, ids, new Set())).toEqual({ by: 'held-out', rows: division.holdout });
    expect(chooseJudges(division, set, ids, new Set(ids.slice(3, 10)))).toMatchObject({
      by: 'left-out',
      rows: [0, 1, 2, ...division.holdout.slice(7)],
    });
    // A class that has no row among those held out.
    const three = rows([2, ...labels.slice(1)]);
    expect(chooseJudges(division, three, ids, new Set())).toMatchObject({ by: 'left-out', rows: ids.map((_, row) => row) });
  });

  it('are none of whose moment the current release has learned: a frame is known by the other frames of its burst', () => {
    const set = rows([0, 0, 1, 1], [7, 7, 8, 9]);
    expect(chooseJudges({ train: [0, 1, 2, 3], holdout: [] }, set, idsOf(4), new Set(['sample-0'])).rows).toEqual([2, 3]);
  });

  it('are counted by moments', () => {
    expect(momentsPerClass(rows([0, 0, 0, 1], [5, 5, 6, 7]), 3)).toEqual([2, 1, 0]);
  });
});
