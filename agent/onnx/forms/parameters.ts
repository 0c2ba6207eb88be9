// Finds the trainable initializers of a float tail: weights and biases of its layers, scales and shifts of its normalizations.
import { type Graph, type Node, nodeKey } from '../ir.ts';
import { is } from '../operator-traits.ts';
import type { Slot, TailParameter } from '../surgery/tail.ts';
import { constantBehind, weightSource } from '../surgery/weight-source.ts';
import { type GraphView, view } from '../view.ts';
import { unsupported } from './dequantization.ts';

/** A parameter, and every place of the float graph that reads it. */
type Found = TailParameter & { readonly slots: readonly Slot[] };

interface Search {
  readonly seen: GraphView;
  readonly found: Map<string, Found>;
}

const normalizing: ReadonlyMap<string, readonly [number, number?]> = new Map(
  Object.entries<readonly [number, number?]>({
    BatchNormalization: [1, 2],
    LayerNormalization: [1, 2],
    RMSNormalization: [1],
    InstanceNormalization: [1, 2],
    GroupNormalization: [1, 2],
  }),
);

export function findParameters(graph: Graph): readonly Found[] {
  const search: Search = { seen: view(graph), found: new Map() };
  let layer = 0;
  for (const node of graph.nodes) {
    const before = search.found.size;
    if (is(node, 'weighted')) addLayer(search, node, layer);
    const affine = normalizing.get(node.op);
    if (affine !== undefined) {
      add(search, node, affine[0], 'scale', layer);
      if (affine[1] !== undefined) add(search, node, affine[1], 'shift', layer);
    }
    if (is(node, 'recurrent')) {
      add(search, node, 1, 'weight', layer);
      add(search, node, 2, 'weight', layer);
      add(search, node, 3, 'bias', layer);
    }
    if (search.found.size > before) layer += 1;
  }
  return [...search.found.values()];
}

function addLayer(search: Search, node: Node, layer: number): void {
  const source = weightSource(search.seen, node);
  if (source === null) return;
  add(search, node, source.input, 'weight', layer);
  if (node.op !== 'MatMul') add(search, node, 2, 'bias', layer);
  // Exporters often write the bias as an Add behind the layer.
  const following = search.seen.readers(node.outputs[0] ?? '');
  const [next] = following;
  if (following.length !== 1 || next?.op !== 'Add') return;
  add(search, next, next.inputs[0] === node.outputs[0] ? 1 : 0, 'bias', layer);
}

/** What stands at an input of a node, where that is a constant or a constant in another shape. */
function add({ seen, found }: Search, node: Node, input: number, role: TailParameter['role'], layer: number): void {
  const name = constantBehind(seen, node.inputs[input] ?? '')?.name ?? '';
  const value = seen.graph.initializers.get(name);
  if (value === undefined || found.has(name)) return;
  if (value.dtype !== 'float32')
    throw unsupported(node, `its ${role} '${name}' is ${value.dtype}`, 'Export the model with float32 weights, or quantize it to int8.');
  const slots = seen
    .readers(name)
    .flatMap((reader) => reader.inputs.flatMap((read, index) => (read === name ? [{ node: nodeKey(reader), input: index }] : [])));
  found.set(name, { name, dims: value.dims, role, layer, slots });
}
