// Conv → Relu → AveragePool → Flatten → Gemm as an int8 QDQ model: one weight scale a channel, activation scales from real pictures, the Relu
// folded into the quantizer behind the Conv, int32 biases.
import { floats, graph, model, node, value } from '../../agent/onnx/build.ts';
import { encodeModel } from '../../agent/onnx/encode.ts';
import { asymmetricScale, quantizeTensor, symmetricScales } from '../../agent/onnx/quantized-values.ts';
import { openSession } from '../../agent/runtime/session.ts';

const opset = 17;

/** `model(head)` gives the whole model; `head` null is a head of zeros. */
export async function quantizedNet(bank, { edge, patch, classes, samples }) {
  const maps = edge - patch + 1;
  const window = Math.ceil(maps / 2);
  const pool = { kernel_shape: [window, window], strides: [maps - window, maps - window] };
  const width = bank.channels * 4;
  const kernel = floats([bank.channels, 3, patch, patch], bank.weights);
  const bias = floats([bank.channels], bank.biases);
  const ranges = await measure(kernel, bias, pool, { edge, patch }, samples);
  const input = scaleOf(ranges.input);
  const conv = scaleOf({ min: 0, max: ranges.conv.max });
  const pooled = scaleOf({ min: 0, max: ranges.pooled.max });
  return {
    model(head) {
      const weight = head?.weight ?? floats([classes, width], 0);
      const headBias = head?.bias ?? floats([classes], 0);
      const initializers = new Map();
      const nodes = [
        ...quantized(initializers, 'input', 'input', input),
        ...layer(initializers, 'conv', kernel, bias, input),
        node('Conv', ['input/dq', 'conv.weight', 'conv.bias'], ['conv'], { kernel_shape: [patch, patch] }, { name: 'conv' }),
        ...quantized(initializers, 'conv', 'conv', conv),
        node('AveragePool', ['conv/dq'], ['pooled'], pool, { name: 'pool' }),
        node('Flatten', ['pooled'], ['features'], { axis: 1 }, { name: 'flatten' }),
        ...quantized(initializers, 'features', 'features', pooled),
        ...layer(initializers, 'head', weight, headBias, pooled),
        node('Gemm', ['features/dq', 'head.weight', 'head.bias'], ['logits'], { transB: 1 }, { name: 'head' }),
      ];
      const body = graph('objects', {
        inputs: [value('input', ['n', 3, edge, edge])],
        outputs: [value('logits', ['n', classes])],
        nodes,
        initializers,
      });
      return model(body, { opset });
    },
  };
}

function scaleOf({ min, max }) {
  return asymmetricScale(min, max, 'uint8');
}

/** QuantizeLinear and DequantizeLinear of an activation; the float value is `<tensor>/dq`. */
function quantized(initializers, name, tensor, { scale, zeroPoint }) {
  initializers.set(`${name}/scale`, floats([], [scale]));
  initializers.set(`${name}/zero`, { dtype: 'uint8', dims: [], data: Uint8Array.of(zeroPoint) });
  return [
    node('QuantizeLinear', [tensor, `${name}/scale`, `${name}/zero`], [`${name}/q`]),
    node('DequantizeLinear', [`${name}/q`, `${name}/scale`, `${name}/zero`], [`${name}/dq`]),
  ];
}

/** Weight and bias behind DequantizeLinear; the bias has the scale that the integer product has. */
function layer(initializers, name, weight, bias, input) {
  const scales = symmetricScales(weight, 0, 127);
  const biasScales = scales.map((scale) => Math.fround(scale * input.scale));
  const channels = scales.length;
  initializers.set(`${name}.weight/q`, quantizeTensor(weight, scales, 0, 'int8', 0));
  initializers.set(`${name}.weight/scale`, floats([channels], scales));
  initializers.set(`${name}.weight/zero`, { dtype: 'int8', dims: [channels], data: new Int8Array(channels) });
  initializers.set(`${name}.bias/q`, quantizeTensor(bias, biasScales, 0, 'int32', 0));
  initializers.set(`${name}.bias/scale`, floats([channels], biasScales));
  initializers.set(`${name}.bias/zero`, { dtype: 'int32', dims: [channels], data: new Int32Array(channels) });
  return [
    node('DequantizeLinear', [`${name}.weight/q`, `${name}.weight/scale`, `${name}.weight/zero`], [`${name}.weight`], { axis: 0 }),
    node('DequantizeLinear', [`${name}.bias/q`, `${name}.bias/scale`, `${name}.bias/zero`], [`${name}.bias`], { axis: 0 }),
  ];
}

/** Least and largest value of input, convolution and pooled maps over the samples. */
async function measure(kernel, bias, pool, { edge, patch }, samples) {
  const body = graph('float', {
    inputs: [value('input', [1, 3, edge, edge])],
    outputs: [value('conv', null), value('pooled', null)],
    nodes: [
      node('Conv', ['input', 'w', 'b'], ['c'], { kernel_shape: [patch, patch] }),
      node('Relu', ['c'], ['conv']),
      node('AveragePool', ['conv'], ['pooled'], pool),
    ],
    initializers: [
      ['w', kernel],
      ['b', bias],
    ],
  });
  await using session = await openSession(encodeModel(model(body, { opset })), { label: 'calibration', threads: 2 });
  const ranges = { input: { min: 0, max: 0 }, conv: { min: 0, max: 0 }, pooled: { min: 0, max: 0 } };
  for (const x of samples) {
    const { conv, pooled } = await session.run({ input: { dtype: 'float32', dims: [1, 3, edge, edge], data: x } });
    for (const [name, values] of Object.entries({ input: x, conv: conv.data, pooled: pooled.data })) {
      for (const number of values) {
        ranges[name].min = Math.min(ranges[name].min, number);
        ranges[name].max = Math.max(ranges[name].max, number);
      }
    }
  }
  return ranges;
}
