// Copies and near copies of captures among files.
import { expect, it } from 'vitest';
import { type Captures, groupAlike, rowsAlso } from '../../agent/adapt/likeness.ts';

const hashOf = (number: number) => BigInt.asUintN(64, BigInt(number + 1) * 0x9e3779b97f4a7c15n);
const captures = (rows: readonly (readonly [hash: bigint, x: number, y: number, label?: number])[]): Captures => ({
  labels: rows.map(([, , , label]) => label ?? 0),
  hashes: rows.map(([hash]) => hash),
  features: Float32Array.from(rows.flatMap(([, x, y]) => [x, y])),
  width: 2,
});

const data = captures([
  [hashOf(1), 1, 0],
  [hashOf(2), 0, 1],
  [hashOf(3), -1, -1],
  [hashOf(1), 5, 5],
  [hashOf(2) ^ 5n, 0.01, 1],
  [hashOf(3) ^ 5n, 1, 1],
]);

it('groups equal hashes, and near ones where the features are near too', () => {
  expect([...groupAlike(data)]).toEqual([0, 1, 2, 0, 1, 3]);
});

it('finds what a test has from the data', () => {
  expect(
    rowsAlso(
      captures([
        [hashOf(9), 1, 0],
        [hashOf(3) ^ 1n, -1.01, -1],
        [hashOf(2), 3, 3],
      ]),
      data,
    ),
  ).toEqual([1, 2]);
  expect(rowsAlso(captures([]), data)).toEqual([]);
  expect(rowsAlso(data, captures([]))).toEqual([]);
});

it('calls captures of one class alike that are a little apart, of two classes only where nothing is new, and flat pictures hardly ever', () => {
  const busy = 0x0f0f_3c3c_5a5a_9966n;
  const moved = (hash: bigint, bits: number) => hash ^ ((1n << BigInt(bits)) - 1n);
  const groups = (flip: number, x: number, label: number, hash = busy) =>
    groupAlike(
      captures([
        [hash, 1, 0],
        [hashOf(2), -1, 2],
        [hashOf(3), 0, -2],
        [moved(hash, flip), x, 0, label],
      ]),
    )[3];
  expect([groups(4, 1.2, 0), groups(5, 1.2, 0), groups(4, 2.5, 0)]).toEqual([0, 3, 3]);
  expect([groups(4, 1.05, 1), groups(4, 1.2, 1), groups(0, 1, 1), groups(0, 1.5, 1), groups(0, 1.5, 0)]).toEqual([0, 3, 0, 3, 0]);
  expect([groups(4, 1.05, 0, 0xff00n), groups(4, 1.2, 0, 0xff00n)]).toEqual([0, 3]);
});
