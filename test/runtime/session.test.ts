// 8-bit products are exact on every processor: 255 · 127 twice is more than 16 bits hold, in which fast kernels add pairs.
import { describe, expect, it } from 'vitest';
import { floats, graph, model, node, value } from '../../agent/onnx/build.ts';
import { encodeModel } from '../../agent/onnx/encode.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { openSession } from '../../agent/runtime/session.ts';

const depth = 16;
const uint8 = (value: number): Tensor => ({ dtype: 'uint8', dims: [], data: Uint8Array.of(value) });
const int8 = (value: number): Tensor => ({ dtype: 'int8', dims: [], data: Int8Array.of(value) });
const weight: Tensor = { dtype: 'int8', dims: [depth, 2], data: new Int8Array(depth * 2).fill(127) };
/** Σ 255 · 127 over the depth. */
const sum = depth * 255 * 127;

const net = (nodes: Parameters<typeof graph>[1]['nodes'], initializers: readonly (readonly [string, Tensor])[]) =>
  encodeModel(
    model(
      graph('g', {
        inputs: [value('x', ['n', depth])],
        outputs: [value('y', ['n', 2])],
        nodes,
        initializers: [
          ['w', weight],
          ['w_zero', int8(0)],
          ['scale', floats([], 1)],
          ['zero', uint8(0)],
          ['wide', floats([], sum / 255)],
          ...initializers,
        ],
      }),
      { opset: 13 },
    ),
  );

const forms = {
  QLinearMatMul: net(
    [
      node('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
      node('QLinearMatMul', ['q', 'scale', 'zero', 'w', 'scale', 'w_zero', 'wide', 'zero'], ['r']),
      node('DequantizeLinear', ['r', 'wide', 'zero'], ['y']),
    ],
    [],
  ),
  'QDQ around MatMul': net(
    [
      node('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
      node('DequantizeLinear', ['q', 'scale', 'zero'], ['h']),
      node('DequantizeLinear', ['w', 'scale', 'w_zero'], ['v']),
      node('MatMul', ['h', 'v'], ['m']),
      node('QuantizeLinear', ['m', 'wide', 'zero'], ['r']),
      node('DequantizeLinear', ['r', 'wide', 'zero'], ['y']),
    ],
    [],
  ),
  dynamic: net(
    [
      node('DynamicQuantizeLinear', ['x'], ['q', 's', 'z']),
      node('MatMulInteger', ['q', 'w', 'z', 'w_zero'], ['i']),
      node('Cast', ['i'], ['f'], { to: { kind: 'int', value: 1 } }),
      node('Mul', ['f', 's'], ['y']),
    ],
    [],
  ),
};

describe('a session', () => {
  it.each(Object.entries(forms))('multiplies 8-bit numbers exactly: %s', async (_name, bytes) => {
    await using session = await openSession(bytes, { label: 'products' });
    const { y } = await session.run({ x: { dtype: 'float32', dims: [1, depth], data: new Float32Array(depth).fill(255) } });
    for (const got of y!.data as Float32Array) expect(Math.abs(got / sum - 1)).toBeLessThan(0.005);
  });
});
