// A row of the head for a class that is known from its own captures only: what it finds, what it leaves alone, and what it says of itself.
import { expect, it } from 'vitest';
import { newRows } from '../../../agent/learn/ridge/new-class.ts';
import { type Head, logitsAt } from '../../../agent/learn/ridge/stand-ins.ts';
import { randomOf } from '../../../agent/random.ts';

const [width, classes, each] = [48, 6, 12];
const fresh = classes - 1;

/** Classes about means of their own, features never negative; the head points from the middle of all to each known mean. */
function world(seed: number, spread: number) {
  const next = randomOf(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const means = Array.from({ length: classes }, () => Float64Array.from({ length: width }, () => Math.max(0, 1 + normal())));
  const draw = (label: number) => means[label]!.map((value) => Math.max(0, value + spread * normal()));
  const middle = means[0]!.map((_, at) => means.slice(0, fresh).reduce((sum, mean) => sum + mean[at]!, 0) / fresh);
  const weights = new Float32Array(width * classes);
  const bias = new Float32Array(classes);
  for (let label = 0; label < fresh; label += 1)
    for (let at = 0; at < width; at += 1) {
      const step = (means[label]![at]! - middle[at]!) * 0.3;
      weights[at * classes + label] = step;
      bias[label]! -= step * middle[at]!;
    }
  const head: Head = { weights, bias, classes, known: Array.from({ length: classes }, (_, label) => label !== fresh) };
  return { head, draw };
}

function captures(rows: readonly Float64Array[], groups = rows.map((_, at) => at)) {
  const features = Float32Array.from(rows.flatMap((row) => [...row]));
  return { features, count: rows.length, width, labels: new Int32Array(rows.length).fill(fresh), groups: Int32Array.from(groups) };
}

const several = (draw: (label: number) => Float64Array, label: number, count: number) => Array.from({ length: count }, () => draw(label));

/** Share of rows of which the new class is the answer. */
function namedFresh(head: Head, row: ReturnType<typeof newRows>[number], rows: readonly Float64Array[]): number {
  const isNamed = rows.map((features) => {
    const values = Float32Array.from(features);
    const own = values.reduce((sum, value, at) => sum + value * row.weights[at]!, row.bias);
    return own > Math.max(...logitsAt(head, values).filter((_, label) => head.known[label]));
  });
  return isNamed.filter(Boolean).length / rows.length;
}

it('finds the class and takes nothing from classes that are told apart', () => {
  for (const seed of [1, 2, 3, 4]) {
    const { head, draw } = world(seed, 0.3);
    const [row] = newRows(head, captures(several(draw, fresh, each)), [fresh], true);
    expect(namedFresh(head, row!, several(draw, fresh, 50))).toBeGreaterThanOrEqual(0.9);
    for (let label = 0; label < fresh; label += 1) expect(namedFresh(head, row!, several(draw, label, 50))).toBeLessThanOrEqual(0.02);
  }
});

it('does the same in a layer that has no bias', () => {
  const { head, draw } = world(5, 0.3);
  const flat = { ...head, bias: new Float32Array(classes) };
  const [row] = newRows(flat, captures(several(draw, fresh, each)), [fresh], false);
  expect(row!.bias).toBe(0);
  expect(namedFresh(flat, row!, several(draw, fresh, 50))).toBeGreaterThanOrEqual(0.9);
});

// A common offset of all features says nothing of a class, and 12 captures cannot tell it from one.
it('takes nothing from the others where nobody knows the middle of the features', () => {
  for (const seed of [1, 2, 3, 4]) {
    const { head, draw } = world(seed, 0.3);
    const offset = Float64Array.from({ length: width }, (_, at) => (at % 2 === 0 ? 8 : -8));
    const moved = (label: number) => draw(label).map((value, at) => value + offset[at]!);
    const bias = head.bias.map((value, label) => offset.reduce((sum, by, at) => sum - by * head.weights[at * classes + label]!, value));
    const there = { ...head, bias };
    const [row] = newRows(there, captures(several(moved, fresh, each)), [fresh], true);
    for (let label = 0; label < fresh; label += 1) expect(namedFresh(there, row!, several(moved, label, 50))).toBeLessThanOrEqual(0.02);
  }
});

// Other surroundings move all classes alike; captures of the new one alone cannot tell that from the class.
it('leaves known classes their captures that come along from the same surroundings', () => {
  const { head, draw } = world(7, 0.3);
  const moved = (label: number) => draw(label).map((value, at) => value + (at % 3 === 0 ? 12 : 0));
  const rows = several(moved, fresh, each);
  const [alone] = newRows(head, captures(rows), [fresh], true);
  const others = several(moved, 0, 40);
  const all = captures([...rows, ...others]);
  all.labels.fill(0, each);
  const [beside] = newRows(head, all, [fresh], true);
  const lost = (row: typeof alone) => namedFresh(head, row!, others);
  expect(lost(alone)).toBeGreaterThan(0.3);
  expect(lost(beside)).toBeLessThanOrEqual(0.05);
});

it('says of every capture what the row says that was made without its moment', () => {
  const { head, draw } = world(6, 0.5);
  const rows = several(draw, fresh, 6);
  const groups = [0, 0, 1, 2, 3, 4];
  const [whole] = newRows(head, captures(rows, groups), [fresh], true);
  // The capture itself far away: the row that is made without it does not know.
  const odd = rows.map((row, at) => (at === 5 ? row.map((value) => value * 4) : row));
  const [other] = newRows(head, captures(odd, groups), [fresh], true);
  const at = (row: typeof whole, values: Float64Array) =>
    values.reduce((sum, value, feature) => sum + value * row!.weights[feature]!, row!.bias);
  expect(Math.abs(other!.leftOut[5]! - at(other, odd[5]!))).toBeGreaterThan(0.01);
  const [single] = newRows(head, captures(rows, [0, 0, 0, 0, 0, 0]), [fresh], true);
  expect(new Set(single!.leftOut).size).toBe(1);
  expect(whole!.leftOut).toHaveLength(6);
});
