import { fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeModel } from '../../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { int64s, intAttribute, intsAttribute, toInt64 } from '../../../agent/onnx/codec/int64.ts';
import { dequantizeTail } from '../../../agent/onnx/forms/dequantize.ts';
import { floats, graph, ints, model, node, value } from '../../../agent/onnx/made/build.ts';
import { ModelProtoSchema } from '../../../agent/onnx/proto/onnx_pb.ts';

const most = 2n ** 63n - 1n;

/** x[:, 1:] as exporters write it: the end is the largest int64. `attribute` is where it stands. */
function toTheEnd(opset: number, nodes: Parameters<typeof graph>[1]['nodes'], attribute: string): Uint8Array {
  const last = node('Gemm', ['s', 'w', 'b'], ['y']);
  const body = graph('g', {
    inputs: [value('x', ['batch', 5])],
    outputs: [value('y', ['batch', 3])],
    nodes: [...nodes, last],
    initializers: [
      ['w', floats([4, 3], 1)],
      ['b', floats([3], 0)],
      ['one', ints([1])],
    ],
  });
  const proto = fromBinary(ModelProtoSchema, encodeModel(model(body, { opset })));
  for (const each of proto.graph?.node ?? []) for (const found of each.attribute) if (found.name === attribute) found.ints = [most];
  return toBinary(ModelProtoSchema, proto);
}

const slice9 = toTheEnd(9, [node('Slice', ['x'], ['s'], { axes: [1], starts: [1], ends: [77] })], 'ends');
const constant13 = toTheEnd(
  13,
  [node('Constant', [], ['e'], { value_ints: [77] }), node('Slice', ['x', 'one', 'e', 'one'], ['s'])],
  'value_ints',
);

describe('integers of the file format', () => {
  it('go through a model to the byte, whatever they are', () => {
    for (const bytes of [slice9, constant13]) expect(Buffer.from(encodeModel(decodeModel(bytes))).equals(bytes)).toBe(true);
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: most })), fc.bigInt({ min: -(2n ** 63n), max: most }), (list, one) => {
        expect([...int64s(intsAttribute(list))]).toEqual(list);
        expect([...int64s(intAttribute(one))]).toEqual([one]);
      }),
    );
  });

  it('stay the end of a Slice in the float tail', () => {
    for (const bytes of [slice9, constant13]) {
      const { nodes, initializers } = dequantizeTail(decodeModel(bytes)).model.graph;
      const ends = nodes.find(({ op }) => op === 'Slice')?.inputs[2] ?? '';
      expect(initializers.get(ends)?.data).toEqual(BigInt64Array.of(most));
    }
  });

  it('never wrap: a number beyond the range becomes its end', () => {
    expect([2 ** 63, -(2 ** 63), 1e300, -1e300, 5].map(toInt64)).toEqual([most, -(2n ** 63n), most, -(2n ** 63n), 5n]);
  });
});
