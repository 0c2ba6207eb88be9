import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gatherStatistics, oneHot, pickRows } from '../../../agent/learn/ridge/gather.ts';
import {
  aboutShift,
  addStatistics,
  emptyStatistics,
  extendStatistics,
  remapStatistics,
  type Statistics,
  scaleStatistics,
  subtractStatistics,
} from '../../../agent/learn/ridge/statistics.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { clusters } from '../samples.ts';

const classes = 3;
/** Whole numbers, whose sums floating point holds exactly. */
const whole = (() => {
  const set = clusters({ perClass: 400, classes, width: 6, seed: 1 });
  return { ...set, features: set.features.map((value) => Math.round(value * 4)) };
})();
const gather = (rows: readonly number[]) =>
  gatherStatistics(
    pickRows(whole, rows),
    oneHot(
      rows.map((row) => whole.labels[row]!),
      classes,
    ),
    classes,
    createRuntime(),
  );
const range = (from: number, until: number) => Array.from({ length: until - from }, (_, at) => from + at);

describe('gatherStatistics', () => {
  it('is the sum of outer products, over more than one chunk', async () => {
    const { gram, moment, weight } = await gather(range(0, 1200));
    const h = (row: number, at: number) => (at === 6 ? 1 : whole.features[row * 6 + at]!);
    for (const i of [0, 3, 6]) {
      for (const j of [1, 6]) expect(gram[i * 7 + j]).toBe(range(0, 1200).reduce((sum, row) => sum + h(row, i) * h(row, j), 0));
      for (const k of [0, 2])
        expect(moment[i * classes + k]).toBe(range(0, 1200).reduce((sum, row) => sum + (whole.labels[row] === k ? h(row, i) : 0), 0));
    }
    expect(weight).toBe(1200);
  });

  it('weighs rows', async () => {
    const rows = pickRows(whole, [0, 500]);
    const targets = oneHot([0, 1], classes);
    const weighted = await gatherStatistics({ ...rows, weights: Float32Array.of(4, 9) }, targets, classes, createRuntime());
    const parts = addStatistics(scaleStatistics(await gather([0]), 4), scaleStatistics(await gather([500]), 9));
    expect(weighted).toEqual(parts);
  });

  it('takes soft targets', async () => {
    const { moment } = await gatherStatistics(pickRows(whole, [2]), Float32Array.of(0.25, 0.25, 0.5), classes, createRuntime());
    expect([...moment.subarray(6 * classes)]).toEqual([0.25, 0.25, 0.5]);
  });
});

describe('statistics add up', () => {
  it('parts sum to the whole, and a part taken out leaves what never saw it', async () => {
    const [left, right, both] = await Promise.all([gather(range(0, 700)), gather(range(700, 1200)), gather(range(0, 1200))]);
    expect(addStatistics(left, right)).toEqual(both);
    expect(subtractStatistics(both, right)).toEqual(left);
  });

  it('adding nothing changes nothing', () =>
    fc.assert(
      fc.property(fc.float32Array({ minLength: 9, maxLength: 9, noNaN: true, noDefaultInfinity: true, max: 1e6, min: -1e6 }), (gram) => {
        const one: Statistics = { ...emptyStatistics(2, 2), gram, weight: 3 };
        const sum = addStatistics(one, emptyStatistics(2, 2));
        expect(sum.gram.every((value, at) => value === gram[at])).toBe(true);
        expect(sum.weight).toBe(3);
      }),
    ));

  it('refuses sums of other sizes', () => {
    expect(() => addStatistics(emptyStatistics(3, 2), emptyStatistics(3, 4))).toThrow(/3 features and 2 classes.*3 and 4/);
  });

  it('is the same about another point, there and back, to the last digit that double has', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 6, maxLength: 6 }), async (point) => {
        const rows = range(300, 500);
        const shift = Float32Array.from(point);
        const targets = oneHot(
          rows.map((row) => whole.labels[row]!),
          classes,
        );
        const moved = await gatherStatistics(pickRows(whole, rows), targets, classes, createRuntime(), shift);
        const plain = await gather(rows);
        expect(aboutShift(plain, shift)).toEqual(moved);
        expect(aboutShift(moved, null)).toEqual(plain);
        expect(subtractStatistics(addStatistics(moved, plain), plain)).toEqual(moved);
        expect(addStatistics(plain, moved)).toEqual(aboutShift(addStatistics(plain, plain), shift));
      }),
      { numRuns: 20 },
    ));

  it('keeps, adds and drops classes', async () => {
    const all = await gather(range(0, 1200));
    const wider = extendStatistics(all, 5);
    expect(wider.classes).toBe(5);
    expect(remapStatistics(wider, [0, 1, 2])).toEqual(all);
    const swapped = remapStatistics(all, [2, null]);
    expect(swapped.moment[0]).toBe(all.moment[2]);
    expect(swapped.moment[1]).toBe(0);
    expect(() => remapStatistics(all, [3])).toThrow(/no class 3/);
  });
});
