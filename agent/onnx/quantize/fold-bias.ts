// An Add of one constant a channel behind a convolution without bias → that convolution's bias, so that it becomes int32 with it. Reshapes of
// constants, which exporters put in between, are carried out.

import { numbers } from '../forms/quantized-values.ts';
import { type Graph, type Node, sizeOf, type Tensor } from '../ir.ts';
import { view } from '../view.ts';

export function foldReshapes(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    const [data, shape] = [initializers.get(node.inputs[0] ?? ''), initializers.get(node.inputs[1] ?? '')];
    if (node.op !== 'Reshape' || node.domain !== '' || data === undefined || shape === undefined) return true;
    const wanted = Array.from(numbers(shape));
    if (wanted.includes(0)) return true;
    const known = wanted.filter((dim) => dim > 0).reduce((a, b) => a * b, 1);
    const dims = wanted.map((dim) => (dim === -1 ? sizeOf(data.dims) / known : dim));
    if (sizeOf(dims) !== sizeOf(data.dims)) return true;
    initializers.set(node.outputs[0] ?? '', { ...data, dims });
    return false;
  });
  return { ...graph, nodes, initializers };
}

export function foldAddedBias(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const seen = view(graph);
  const gone = new Set<Node>();
  const merged = new Map<Node, Node>();
  for (const layer of graph.nodes) {
    const [y = ''] = layer.outputs;
    const add = seen.onlyReader(y);
    if (layer.op !== 'Conv' || layer.domain !== '' || (layer.inputs[2] ?? '') !== '' || add?.op !== 'Add') continue;
    const weight = initializers.get(layer.inputs[1] ?? '');
    const constant = initializers.get((add.inputs[0] === y ? add.inputs[1] : add.inputs[0]) ?? '');
    if (weight === undefined || constant?.dtype !== 'float32' || !isPerChannel(constant, weight)) continue;
    const name = `${y}/added bias`;
    initializers.set(name, { ...constant, dims: [weight.dims[0] as number] });
    merged.set(layer, { ...layer, inputs: [layer.inputs[0] ?? '', layer.inputs[1] ?? '', name], outputs: add.outputs });
    gone.add(add);
  }
  return { ...graph, nodes: graph.nodes.filter((node) => !gone.has(node)).map((node) => merged.get(node) ?? node), initializers };
}

/** [C, 1, 1] or [1, C, 1, 1] for a convolution of two dimensions, and so on. */
function isPerChannel({ dims }: Tensor, weight: Tensor): boolean {
  const [channels = 0, , ...space] = weight.dims;
  const full = [...Array<number>(Math.max(0, space.length + 2 - dims.length)).fill(1), ...dims];
  return full.length === space.length + 2 && sizeOf(dims) === channels && full[1] === channels;
}
