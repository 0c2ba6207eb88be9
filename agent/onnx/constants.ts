// The constants of a graph: initializers and Constant nodes, read alike.
import { int64s } from './codec/int64.ts';
import type { Graph, Node, Tensor } from './ir.ts';

/** The tensor of a Constant node, in whichever attribute it is written; null for strings, sparse tensors and every other node. */
export function constantValue(node: Node): Tensor | null {
  if (node.op !== 'Constant' || node.domain !== '') return null;
  const { value, value_float: float, value_floats: floats, value_int: int, value_ints: ints } = node.attributes;
  if (value?.kind === 'tensor') return value.value;
  if (float?.kind === 'float') return { dtype: 'float32', dims: [], data: Float32Array.of(float.value) };
  if (floats?.kind === 'floats') return { dtype: 'float32', dims: [floats.value.length], data: Float32Array.from(floats.value) };
  if (int?.kind === 'int') return { dtype: 'int64', dims: [], data: int64s(int) };
  if (ints?.kind === 'ints') return { dtype: 'int64', dims: [ints.value.length], data: int64s(ints) };
  return null;
}

/** The graph with initializers in the place of Constant nodes. */
export function foldConstants(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    const value = constantValue(node);
    if (value !== null) initializers.set(node.outputs[0] ?? '', value);
    return value === null;
  });
  return { ...graph, nodes, initializers };
}
