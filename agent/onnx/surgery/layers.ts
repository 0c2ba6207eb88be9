// Which layers own weights, and in which quantized form. Takes a model, gives records; changes nothing.
import type { Quantization } from '../forms/form.ts';
import { layerKind } from '../forms/forms.ts';
import { neededNodes, sorted } from '../graph.ts';
import type { Model, Node } from '../ir.ts';
import { is } from '../operator-traits.ts';
import { type GraphView, view } from '../view.ts';

/** A layer that owns weights, as the graph holds it. */
export interface Layer {
  readonly node: Node;
  /** Position in execution order. */
  readonly index: number;
  /** Names of the initializers that hold its weights (and bias, where it is an input of the same node). */
  readonly weights: readonly string[];
  readonly quantization: Quantization;
}

/** Layers that own weights, the one nearest to the output first. */
export function listLayers(model: Model): readonly Layer[] {
  const { graph } = model;
  const seen = view(graph);
  const { nodes: needed } = neededNodes(
    graph,
    graph.outputs.map((output) => output.name),
  );
  const layers = sorted(graph).flatMap((node, index): readonly Layer[] => {
    const kind = layerKind(node.op);
    if (kind === null || !needed.has(node)) return [];
    const weight = kind.weights.map((input) => constantSource(seen, node.inputs[input] ?? '')).find((source) => source !== null);
    if (weight === undefined || weight === null) return [];
    const bias = kind.bias === null ? null : constantSource(seen, node.inputs[kind.bias] ?? '');
    const quantization = weight.dequantized ? 'qdq' : kind.form;
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

/**
 * The initializer (or Constant node) behind a name, through what leaves a weight's meaning as it is, and whether a DequantizeLinear stands between;
 * null where it is computed.
 */
function constantSource(
  { graph, producer: produced }: GraphView,
  start: string,
): { readonly name: string; readonly dequantized: boolean } | null {
  let name = start;
  let dequantized = false;
  while (!graph.initializers.has(name)) {
    const producer = produced(name);
    if (producer?.op === 'Constant') return { name, dequantized };
    if (producer === undefined || !is(producer, 'view', 'permutes', 'converts')) return null;
    dequantized ||= producer.op === 'DequantizeLinear';
    name = producer.inputs[0] ?? '';
  }
  return { name, dequantized };
}
