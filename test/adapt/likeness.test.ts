// Copies and near copies of captures among files.
import { expect, it } from 'vitest';
import { type Captures, groupAlike, rowsAlso } from '../../agent/adapt/likeness.ts';

const hashOf = (number: number) => BigInt.asUintN(64, BigInt(number + 1) * 0x9e3779b97f4a7c15n);
const captures = (rows: readonly (readonly [bigint, number, number])[]): Captures => ({
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
