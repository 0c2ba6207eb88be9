// A trained network as a float32 model for inference: normalizations behind a convolution become part of it, the others use their running
// statistics. Also what such a model predicts. The model's input is [n, …sample], its output the logits [n, classes].

import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { sizeOf } from '../../../agent/onnx/ir.ts';
import { floats } from '../../../agent/onnx/made/build.ts';
import { openSession } from '../../../agent/runtime/session.ts';

/** `values` as `fit` gives them. */
export function freeze(network, values) {
  const { graph } = network.model;
  const initializers = new Map([...graph.initializers].map(([name, tensor]) => [name, values.get(name) ?? tensor]));
  const readers = Map.groupBy(
    graph.nodes.flatMap((node) => node.inputs.map((name) => ({ name, node }))),
    ({ name }) => name,
  );
  const nodes = [];
  for (const node of graph.nodes) {
    const before = nodes.at(-1);
    if (node.op !== 'BatchNormalization') nodes.push(node);
    else if (before?.op === 'Conv' && before.outputs[0] === node.inputs[0] && readers.get(before.outputs[0]).length === 1)
      nodes.splice(-1, 1, folded(before, node, initializers));
    else nodes.push(atInference(node));
  }
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const body = { ...graph, nodes, initializers: new Map([...initializers].filter(([name]) => used.has(name))) };
  return { ...network.model, graph: body };
}

/** w′ = w·s and b′ = (b − μ)·s + shift, one s = scale/√(σ² + ε) a channel. */
function folded(conv, normalization, initializers) {
  const [, ...names] = normalization.inputs;
  const [scale, shift, mean, variance] = names.map((name) => initializers.get(name).data);
  const epsilon = normalization.attributes.epsilon?.value ?? 1e-5;
  const factors = Float64Array.from(scale, (each, channel) => each / Math.sqrt(variance[channel] + epsilon));
  const [x, weightName, biasName = `${conv.outputs[0]}.bias`] = conv.inputs;
  const weight = initializers.get(weightName);
  const bias = initializers.get(biasName)?.data ?? new Float32Array(factors.length);
  const each = weight.data.length / factors.length;
  initializers.set(
    weightName,
    floats(
      weight.dims,
      weight.data.map((w, at) => w * factors[Math.floor(at / each)]),
    ),
  );
  initializers.set(
    biasName,
    floats(
      [factors.length],
      bias.map((b, channel) => (b - mean[channel]) * factors[channel] + shift[channel]),
    ),
  );
  return { ...conv, inputs: [x, weightName, biasName], outputs: [normalization.outputs[0]] };
}

function atInference(node) {
  const { training_mode: _mode, momentum: _momentum, ...attributes } = node.attributes;
  return { ...node, outputs: node.outputs.slice(0, 1), attributes };
}

/** Logits [count, classes] of samples as `fit` takes them. */
export async function predict(model, samples, { threads = 1, chunk = 256 } = {}) {
  await using session = await openSession(encodeModel(model), { label: 'the trained network', threads });
  const [input] = model.graph.inputs;
  const [output] = model.graph.outputs;
  const [, ...shape] = input.shape;
  const [width, classes, count] = [sizeOf(shape), output.shape[1], samples.labels.length];
  const logits = new Float32Array(count * classes);
  for (let from = 0; from < count; from += chunk) {
    const rows = Math.min(chunk, count - from);
    const data = new Float32Array(rows * width);
    for (let at = 0; at < rows; at += 1) samples.read(from + at, data.subarray(at * width, (at + 1) * width));
    const out = await session.run({ [input.name]: { dtype: 'float32', dims: [rows, ...shape], data } });
    logits.set(out[output.name].data, from * classes);
  }
  return logits;
}
