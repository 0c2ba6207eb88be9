// Whether QLinearMatMul of opset 21 overflows on this processor: the runtime has exact kernels for x86-64 without VNNI up to opset 20 only.
// Tests of values at that opset then hold nothing but what does not depend on the processor.
import { floats, graph, model, node, value } from '../agent/onnx/build.ts';
import { encodeModel } from '../agent/onnx/encode.ts';
import { openSession } from '../agent/runtime/session.ts';

const depth = 16;
const sum = depth * 255 * 127;

export async function opset21Overflows(): Promise<boolean> {
  const net = model(
    graph('g', {
      inputs: [value('x', ['n', depth])],
      outputs: [value('y', ['n', 1])],
      nodes: [
        node('QuantizeLinear', ['x', 'one', 'zero'], ['q']),
        node('QLinearMatMul', ['q', 'one', 'zero', 'w', 'one', 'w_zero', 'wide', 'zero'], ['r']),
        node('DequantizeLinear', ['r', 'wide', 'zero'], ['y']),
      ],
      initializers: [
        ['w', { dtype: 'int8', dims: [depth, 1], data: new Int8Array(depth).fill(127) }],
        ['w_zero', { dtype: 'int8', dims: [], data: new Int8Array(1) }],
        ['zero', { dtype: 'uint8', dims: [], data: new Uint8Array(1) }],
        ['one', floats([], 1)],
        ['wide', floats([], sum / 255)],
      ],
    }),
    { opset: 21 },
  );
  await using session = await openSession(encodeModel(net), { label: 'overflow' });
  const { y } = await session.run({ x: { dtype: 'float32', dims: [1, depth], data: new Float32Array(depth).fill(255) } });
  return Math.abs((y!.data[0] as number) / sum - 1) > 0.005;
}
