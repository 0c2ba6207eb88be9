// Finds the trainable initializers of a float tail: weights and biases of its layers, scales and shifts of its normalizations.
import { consumers } from './graph.ts';
import type { Graph, Node } from './ir.ts';
import { unsupported } from './lowering.ts';
import type { Slot, TailParameter } from './tail.ts';

/** A parameter, and every place of the float graph that reads it. */
type Found = TailParameter & { readonly slots: readonly Slot[] };

const weighted = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);
const recurrent = new Set(['LSTM', 'GRU', 'RNN']);
const normalizing: Readonly<Record<string, readonly [number, number?]>> = {
  BatchNormalization: [1, 2],
  LayerNormalization: [1, 2],
  RMSNormalization: [1],
  InstanceNormalization: [1, 2],
  GroupNormalization: [1, 2],
};

export function findParameters(graph: Graph): readonly Found[] {
  const readers = consumers(graph);
  const found = new Map<string, Found>();
  let layer = 0;
  for (const node of graph.nodes) {
    const before = found.size;
    if (weighted.has(node.op)) addLayer(graph, readers, node, layer, found);
    const affine = normalizing[node.op];
    if (affine !== undefined) {
      add(graph, node, affine[0], 'scale', layer, found);
      if (affine[1] !== undefined) add(graph, node, affine[1], 'shift', layer, found);
    }
    if (recurrent.has(node.op)) {
      add(graph, node, 1, 'weight', layer, found);
      add(graph, node, 2, 'weight', layer, found);
      add(graph, node, 3, 'bias', layer, found);
    }
    if (found.size > before) layer += 1;
  }
  return [...found.values()];
}

function addLayer(graph: Graph, readers: ReadonlyMap<string, readonly Node[]>, node: Node, layer: number, found: Map<string, Found>): void {
  const { source, input } = weightSource(graph, node);
  if (source === null) return;
  add(graph, source, input, 'weight', layer, found);
  if (node.op !== 'MatMul') add(graph, node, 2, 'bias', layer, found);
  // Exporters often write the bias as an Add behind the layer.
  const following = readers.get(node.outputs[0] ?? '') ?? [];
  const [next] = following;
  if (following.length !== 1 || next?.op !== 'Add') return;
  const other = next.inputs[0] === node.outputs[0] ? 1 : 0;
  // A convolution's bias is [channels], brought to [1, channels, 1, 1] by a Reshape.
  const shaped = graph.nodes.find((candidate) => candidate.op === 'Reshape' && candidate.outputs[0] === next.inputs[other]);
  if (shaped === undefined) add(graph, next, other, 'bias', layer, found);
  else add(graph, shaped, 0, 'bias', layer, found);
}

/** The node and input that hold the weights: the layer itself, or a Transpose of a constant before it. */
export function weightSource(
  graph: Graph,
  node: Node,
): { readonly source: Node | null; readonly input: number; readonly transposed: boolean } {
  for (const input of node.op === 'MatMul' || node.op === 'Gemm' ? [1, 0] : [1]) {
    const name = node.inputs[input] ?? '';
    if (graph.initializers.has(name)) return { source: node, input, transposed: false };
    const before = graph.nodes.find((candidate) => candidate.op === 'Transpose' && candidate.outputs[0] === name);
    if (before !== undefined && graph.initializers.has(before.inputs[0] ?? '')) return { source: before, input: 0, transposed: true };
  }
  return { source: null, input: 0, transposed: false };
}

function add(graph: Graph, node: Node, input: number, role: TailParameter['role'], layer: number, found: Map<string, Found>): void {
  const name = node.inputs[input] ?? '';
  const value = graph.initializers.get(name);
  if (value === undefined || found.has(name)) return;
  if (value.dtype !== 'float32')
    throw unsupported(node, `its ${role} '${name}' is ${value.dtype}`, 'Export the model with float32 weights, or quantize it to int8.');
  const slots = graph.nodes.flatMap((reader) =>
    reader.inputs.flatMap((read, index) => (read === name ? [{ node: reader.outputs[0] ?? '', input: index }] : [])),
  );
  found.set(name, { name, dims: value.dims, role, layer, slots });
}
