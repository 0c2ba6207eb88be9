// Products that 16 bits do not hold, 255 · 127 twice and more, as a graph: fast 8-bit kernels add pairs in 16 bits. Also whether QLinearMatMul of opset 21
// overflows on this processor: the runtime has exact kernels for x86-64 without VNNI up to opset 20 only, so tests of values at newer ones then
// hold nothing but what does not depend on the processor.

import { encodeModel } from '../agent/onnx/codec/encode.ts';
import type { Tensor } from '../agent/onnx/ir.ts';
import { floats, graph, model, node, value } from '../agent/onnx/made/build.ts';
import { openSession } from '../agent/runtime/session.ts';

const depth = 16;
/** Σ 255 · 127 over the depth. */
const sum = depth * 255 * 127;
const scalar = (dtype: 'uint8' | 'int8'): Tensor => ({ dtype, dims: [], data: dtype === 'uint8' ? new Uint8Array(1) : new Int8Array(1) });

export const qlinearProduct = [
  node('QuantizeLinear', ['x', 'one', 'zero'], ['q']),
  node('QLinearMatMul', ['q', 'one', 'zero', 'w', 'one', 'w_zero', 'wide', 'zero'], ['r']),
  node('DequantizeLinear', ['r', 'wide', 'zero'], ['y']),
];

/** How far what these nodes make of x · w is from the sum, as a share of it. Names at hand: x, w, w_zero, zero, one, wide; the result is y. */
export async function errorOfProduct(nodes: typeof qlinearProduct, opset: number): Promise<number> {
  const net = model(
    graph('g', {
      inputs: [value('x', ['n', depth])],
      outputs: [value('y', ['n', 1])],
      nodes,
      initializers: [
        ['w', { dtype: 'int8', dims: [depth, 1], data: new Int8Array(depth).fill(127) }],
        ['w_zero', scalar('int8')],
        ['zero', scalar('uint8')],
        ['one', floats([], 1)],
        ['wide', floats([], sum / 255)],
      ],
    }),
    { opset },
  );
  await using session = await openSession(encodeModel(net), { label: 'products' });
  const { y } = await session.run({ x: { dtype: 'float32', dims: [1, depth], data: new Float32Array(depth).fill(255) } });
  return Math.abs((y!.data[0] as number) / sum - 1);
}

export const opset21Overflows = async (): Promise<boolean> => (await errorOfProduct(qlinearProduct, 21)) > 0.005;
