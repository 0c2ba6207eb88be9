// What a release tells of earlier lessons: there and back, and what is refused.
import { expect, it } from 'vitest';
import { encodeLineage, type Lineage, lineageBytes, readLineage } from '../../agent/model/lineage.ts';
import { decodeSafeTensors, encodeSafeTensors, type SafeTensors } from '../../agent/onnx/codec/safetensors.ts';

const gram = Float32Array.of(2, 0.5, 1, 0.5, 3, -1, 1, -1, 4);
const lineage: Lineage = {
  statistics: { width: 2, classes: 2, gram, moment: Float32Array.of(1, 2, 3, 4, 5, 6), weight: 4 },
  classes: ['cat', 'dog'],
  lessons: 3,
};
const wire = (file: SafeTensors) => decodeSafeTensors(encodeSafeTensors(file));

it('comes back as it was, in the bytes that were said', () => {
  const file = encodeLineage(lineage);
  expect(readLineage(wire(file))).toEqual(lineage);
  expect([...file.tensors.values()].reduce((sum, { data }) => sum + 4 * data.length, 0)).toBe(lineageBytes(2, 2));
  expect(readLineage({ tensors: new Map(), metadata: {} })).toBeNull();
});

it('says about which point it is', () => {
  const shifted = { ...lineage, statistics: { ...lineage.statistics, shift: Float32Array.of(1000, -3) } };
  expect(readLineage(wire(encodeLineage(shifted)))).toEqual(shifted);
  const short = { ...shifted, statistics: { ...shifted.statistics, shift: Float32Array.of(1000) } };
  expect(() => readLineage(encodeLineage(short))).toThrow('sizes do not fit');
  const infinite = { ...shifted, statistics: { ...shifted.statistics, shift: Float32Array.of(1000, Number.NaN) } };
  expect(() => readLineage(encodeLineage(infinite))).toThrow('not finite');
});

it.each([
  ['a missing tensor', (file: SafeTensors) => ({ ...file, tensors: new Map([...file.tensors].slice(1)) })],
  ['no JSON', (file: SafeTensors) => ({ ...file, metadata: { known: '{' } })],
  ['another number of classes', (file: SafeTensors) => ({ ...file, metadata: { known: '{"weight":1,"lessons":1,"classes":["a"]}' } })],
  ['a class twice', (file: SafeTensors) => ({ ...file, metadata: { known: '{"weight":1,"lessons":1,"classes":["a","a"]}' } })],
  ['no weight', (file: SafeTensors) => ({ ...file, metadata: { known: '{"weight":0,"lessons":1,"classes":["a","b"]}' } })],
])('%s is refused', (_, broken) => {
  expect(() => readLineage(broken(encodeLineage(lineage)))).toThrow(/earlier lessons/);
});

it('sums that are not finite are refused', () => {
  const statistics = { ...lineage.statistics, gram: gram.map((value) => value / 0) };
  expect(() => readLineage(encodeLineage({ ...lineage, statistics }))).toThrow('not finite');
});
