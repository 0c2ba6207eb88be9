// BatchNormalization with fixed statistics behind a Conv, ConvTranspose or Gemm → part of that layer's weight and bias. Where something else
// reads the layer too, or a factor is computed, the node stays.
import { floatAttribute, intAttribute } from '../attributes.ts';
import type { Graph, Node, Tensor } from '../ir.ts';
import { view } from '../view.ts';

interface Normalization {
  /** y = x · factor + shift, one of each a channel. */
  readonly factor: Float64Array;
  readonly shift: Float64Array;
}

/** w′ = w·γ/√(σ² + ε), b′ = (b − μ)·γ/√(σ² + ε) + β. */
export function foldNormalization(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const seen = view(graph);
  const folded = new Map<string, Node>();
  const gone = new Set<Node>();
  for (const layer of graph.nodes) {
    const [y = ''] = layer.outputs;
    const norm = seen.onlyReader(y);
    if (norm?.inputs[0] !== y) continue;
    const weight = initializers.get(layer.inputs[1] ?? '');
    const axis = channelAxis(layer);
    const bias = biasOf(layer, initializers);
    const factors = normalizationOf(norm, initializers);
    if (axis === null || bias === null || factors === null || weight?.dtype !== 'float32' || weight.dims[axis] !== factors.factor.length)
      continue;
    const names = { weight: `${y}/folded weight`, bias: `${y}/folded bias` };
    initializers.set(names.weight, scaleChannels(weight, axis, factors.factor));
    const old = bias === 'none' ? new Float32Array(factors.factor.length) : bias;
    const data = Float32Array.from(factors.factor, (factor, channel) => old[channel]! * factor + factors.shift[channel]!);
    initializers.set(names.bias, { dtype: 'float32', dims: [data.length], data });
    folded.set(y, { ...layer, inputs: [layer.inputs[0] ?? '', names.weight, names.bias], outputs: norm.outputs.slice(0, 1) });
    gone.add(norm);
  }
  const nodes = graph.nodes.filter((node) => !gone.has(node)).map((node) => folded.get(node.outputs[0] ?? '') ?? node);
  return { ...graph, nodes, initializers };
}

/** Axis of the output channels in the weight; null where the layer cannot take a normalization in. */
function channelAxis(layer: Node): number | null {
  if (layer.domain !== '') return null;
  if (layer.op === 'Conv') return 0;
  if (layer.op === 'ConvTranspose') return intAttribute(layer, 'group', 1) === 1 ? 1 : null;
  if (layer.op !== 'Gemm' || floatAttribute(layer, 'alpha', 1) !== 1 || floatAttribute(layer, 'beta', 1) !== 1) return null;
  return intAttribute(layer, 'transB', 0) === 1 ? 0 : 1;
}

/** The bias as a vector, 'none' where there is none, null where it is computed or of another shape. */
function biasOf(layer: Node, initializers: ReadonlyMap<string, Tensor>): Float32Array | 'none' | null {
  const name = layer.inputs[2] ?? '';
  if (name === '') return 'none';
  const bias = initializers.get(name);
  return bias?.dtype === 'float32' && bias.dims.length === 1 ? (bias.data as Float32Array) : null;
}

function normalizationOf(node: Node, initializers: ReadonlyMap<string, Tensor>): Normalization | null {
  if (node.op !== 'BatchNormalization' || node.domain !== '' || intAttribute(node, 'training_mode', 0) === 1) return null;
  const [gamma, beta, mean, variance] = node.inputs.slice(1, 5).map((name) => initializers.get(name));
  if (gamma?.dtype !== 'float32' || beta === undefined || mean === undefined || variance === undefined) return null;
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const at = (tensor: Tensor, channel: number) => (tensor.data as Float32Array)[channel]!;
  const factor = Float64Array.from(gamma.data as Float32Array, (value, channel) => value / Math.sqrt(at(variance, channel) + epsilon));
  return { factor, shift: factor.map((value, channel) => at(beta, channel) - at(mean, channel) * value) };
}

function scaleChannels(weight: Tensor, axis: number, factor: Float64Array): Tensor {
  const inner = weight.dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  const data = (weight.data as Float32Array).map((value, index) => value * factor[Math.floor(index / inner) % factor.length]!);
  return { ...weight, data };
}
