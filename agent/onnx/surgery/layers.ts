// Which layers own weights, and in which quantized form. Takes a model, gives records; changes nothing.
import { neededNodes, producers, sorted } from '../graph.ts';
import type { Graph, Model, Node } from '../ir.ts';
import { is } from '../operator-traits.ts';

export type Quantization = 'none' | 'qdq' | 'qoperator' | 'dynamic';

/** A layer that owns weights, as the graph holds it. */
export interface Layer {
  readonly node: Node;
  /** Position in execution order. */
  readonly index: number;
  /** Names of the initializers that hold its weights (and bias, where it is an input of the same node). */
  readonly weights: readonly string[];
  readonly quantization: Quantization;
}

interface LayerKind {
  /** Inputs that may hold the weights; the first that is constant counts. */
  readonly weights: readonly number[];
  readonly bias: number | null;
  readonly quantization: Quantization;
}

/** Operators that own weights: where they are, and what form of quantization their presence means. */
const layerKinds: Readonly<Record<string, LayerKind>> = {
  Conv: { weights: [1], bias: 2, quantization: 'none' },
  ConvTranspose: { weights: [1], bias: 2, quantization: 'none' },
  Gemm: { weights: [1, 0], bias: 2, quantization: 'none' },
  MatMul: { weights: [1, 0], bias: null, quantization: 'none' },
  FusedConv: { weights: [1], bias: 2, quantization: 'none' },
  FusedGemm: { weights: [1], bias: 2, quantization: 'none' },
  FusedMatMul: { weights: [1, 0], bias: null, quantization: 'none' },
  LSTM: { weights: [1], bias: 3, quantization: 'none' },
  GRU: { weights: [1], bias: 3, quantization: 'none' },
  RNN: { weights: [1], bias: 3, quantization: 'none' },
  QLinearConv: { weights: [3], bias: 8, quantization: 'qoperator' },
  QLinearMatMul: { weights: [3, 0], bias: null, quantization: 'qoperator' },
  QGemm: { weights: [3], bias: 6, quantization: 'qoperator' },
  ConvInteger: { weights: [1], bias: null, quantization: 'dynamic' },
  MatMulInteger: { weights: [1, 0], bias: null, quantization: 'dynamic' },
  DynamicQuantizeMatMul: { weights: [1], bias: 4, quantization: 'dynamic' },
  MatMulIntegerToFloat: { weights: [1], bias: 6, quantization: 'dynamic' },
  DynamicQuantizeLSTM: { weights: [1], bias: 3, quantization: 'dynamic' },
  MatMulNBits: { weights: [1], bias: 5, quantization: 'qdq' },
};

/** Layers that own weights, the one nearest to the output first. */
export function listLayers(model: Model): readonly Layer[] {
  const { graph } = model;
  const produced = producers(graph);
  const { nodes: needed } = neededNodes(
    graph,
    graph.outputs.map((output) => output.name),
  );
  const layers = sorted(graph).flatMap((node, index): readonly Layer[] => {
    const kind = layerKinds[node.op];
    if (kind === undefined || !needed.has(node)) return [];
    const weight = kind.weights.map((input) => constantSource(graph, produced, node.inputs[input] ?? '')).find((source) => source !== null);
    if (weight === undefined || weight === null) return [];
    const bias = kind.bias === null ? null : constantSource(graph, produced, node.inputs[kind.bias] ?? '');
    const quantization = weight.dequantized ? 'qdq' : kind.quantization;
    return [{ node, index, weights: bias === null ? [weight.name] : [weight.name, bias.name], quantization }];
  });
  return layers.reverse();
}

/** The form of a model is that of most of its layers; a float layer among quantized ones does not make it float. */
export function detectQuantization(model: Model): Quantization {
  const counts = new Map<Quantization, number>();
  for (const layer of listLayers(model)) counts.set(layer.quantization, (counts.get(layer.quantization) ?? 0) + 1);
  counts.delete('none');
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most?.[0] ?? 'none';
}

/** The initializer (or Constant node) behind a name, through what leaves a weight's meaning as it is, and whether a DequantizeLinear stands between; null where it is computed. */
function constantSource(
  graph: Graph,
  produced: ReadonlyMap<string, Node>,
  start: string,
): { readonly name: string; readonly dequantized: boolean } | null {
  let name = start;
  let dequantized = false;
  while (!graph.initializers.has(name)) {
    const producer = produced.get(name);
    if (producer?.op === 'Constant') return { name, dequantized };
    if (producer === undefined || !is(producer, 'view', 'permutes', 'converts')) return null;
    dequantized ||= producer.op === 'DequantizeLinear';
    name = producer.inputs[0] ?? '';
  }
  return { name, dequantized };
}
