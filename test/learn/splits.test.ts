import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignFolds, holdOut, takeRows } from '../../agent/learn/splits.ts';
import { clusters } from './samples.ts';

const labelled = fc
  .array(fc.record({ label: fc.integer({ min: 0, max: 4 }), group: fc.integer({ min: 0, max: 20 }) }), { minLength: 1, maxLength: 80 })
  .map((rows) => ({
    count: rows.length,
    // A group belongs to one class, as bursts do.
    labels: Int32Array.from(rows, ({ label }) => label),
    groups: Int32Array.from(rows, ({ label, group }) => label * 100 + group),
  }));

const groupsOf = (set: { labels: Int32Array; groups: Int32Array }, label: number) =>
  new Set([...set.groups].filter((_, row) => set.labels[row] === label));

describe('holdOut', () => {
  it('puts every row on one side, no group on both, and leaves every class something to learn from', () =>
    fc.assert(
      fc.property(labelled, fc.double({ min: 0.05, max: 0.9, noNaN: true }), fc.nat(), (set, fraction, seed) => {
        const { train, holdout } = holdOut(set, fraction, seed);
        expect([...train, ...holdout].sort((a, b) => a - b)).toEqual(Array.from({ length: set.count }, (_, row) => row));
        const held = new Set(holdout.map((row) => set.groups[row]));
        expect(train.some((row) => held.has(set.groups[row]))).toBe(false);
        for (const label of new Set(set.labels)) expect(train.some((row) => set.labels[row] === label)).toBe(true);
        expect(holdOut(set, fraction, seed)).toEqual({ train, holdout });
      }),
    ));

  it('holds out the wanted part of every class', () => {
    const set = clusters({ perClass: 20, classes: 4, width: 1, seed: 1 });
    const { holdout } = holdOut(set, 0.25, 7);
    for (let label = 0; label < 4; label += 1) expect(holdout.filter((row) => set.labels[row] === label)).toHaveLength(5);
    expect(holdOut(set, 0.25, 8).holdout).not.toEqual(holdout);
  });
});

describe('assignFolds', () => {
  it('keeps groups whole and spreads the rows of every class evenly', () =>
    fc.assert(
      fc.property(labelled, fc.integer({ min: 1, max: 7 }), fc.nat(), (set, folds, seed) => {
        const foldOf = assignFolds(set, folds, seed);
        const ofGroup = new Map<number, number>();
        for (const [row, fold] of foldOf.entries()) {
          expect(ofGroup.get(set.groups[row]!) ?? fold).toBe(fold);
          ofGroup.set(set.groups[row]!, fold);
        }
        for (const label of new Set(set.labels)) {
          const used = new Set([...foldOf].filter((_, row) => set.labels[row] === label));
          expect(used.size).toBe(Math.min(folds, groupsOf(set, label).size));
        }
      }),
    ));
});

describe('takeRows', () => {
  it('takes features, labels, groups and weights together', () => {
    const set = { ...clusters({ perClass: 2, classes: 2, width: 3, seed: 1 }), weights: Float32Array.of(1, 2, 3, 4) };
    const taken = takeRows(set, [3, 0]);
    expect(taken).toEqual({
      features: Float32Array.of(...set.features.subarray(9, 12), ...set.features.subarray(0, 3)),
      count: 2,
      width: 3,
      labels: Int32Array.of(1, 0),
      groups: Int32Array.of(3, 0),
      weights: Float32Array.of(4, 1),
    });
  });
});
