// Which constant a layer's weights are, and through which operators they reach it: those that only change a tensor's shape or the order of its
// axes, so that a gradient goes back through them to what is stored. Changes nothing.

import { intAttribute, intsAttribute } from '../attributes.ts';
import { numbers } from '../forms/quantized-values.ts';
import type { Graph, Node, Tensor } from '../ir.ts';
import { is } from '../operator-traits.ts';
import type { GraphView } from '../view.ts';

export interface WeightSource {
  /** Initializer of the float graph. */
  readonly name: string;
  /** Operators from the initializer to the layer; empty where the layer reads it itself. */
  readonly chain: readonly Node[];
  /** Input of the layer that takes the weights. */
  readonly input: number;
}

/** The initializer behind a name, and what lies between; null where it is computed. */
export function constantBehind({ graph, producer: produced }: GraphView, start: string): Pick<WeightSource, 'name' | 'chain'> | null {
  const chain: Node[] = [];
  let name = start;
  while (!graph.initializers.has(name)) {
    const producer = produced(name);
    if (producer === undefined || !is(producer, 'view', 'permutes')) return null;
    chain.unshift(producer);
    name = producer.inputs[0] ?? '';
  }
  return { name, chain };
}

/** Where the weights of a Conv, ConvTranspose, Gemm or MatMul come from; null where they are computed. */
export function weightSource(view: GraphView, node: Node): WeightSource | null {
  for (const input of node.op === 'MatMul' || node.op === 'Gemm' ? [1, 0] : [1]) {
    const found = constantBehind(view, node.inputs[input] ?? '');
    if (found !== null) return { ...found, input };
  }
  return null;
}

/**
 * The matrix that a chain makes of what is stored, where that is the stored elements in their order: its two sizes as they lie in memory, and
 * whether the layer sees it transposed. null for any other order, which no linear head can be written in.
 */
export function matrixBehind(
  graph: Graph,
  source: WeightSource,
): { readonly dims: readonly [number, number]; readonly transposed: boolean } | null {
  let dims: readonly number[] | null = graph.initializers.get(source.name)?.dims ?? null;
  let transposed = false;
  for (const node of source.chain) {
    if (dims === null || transposed) return null;
    if (node.op === 'Transpose') {
      if (dims.length !== 2) return null;
      const perm = intsAttribute(node, 'perm');
      transposed = perm === null || String(perm) === '1,0';
    } else dims = reshaped(graph, node, dims);
  }
  return dims?.length === 2 ? { dims: dims as readonly [number, number], transposed } : null;
}

function reshaped(graph: Graph, node: Node, dims: readonly number[]): readonly number[] | null {
  const size = dims.reduce((product, dim) => product * dim, 1);
  const axes = integers(node, 'axes', graph.initializers.get(node.inputs[1] ?? ''));
  switch (node.op) {
    case 'Identity':
      return dims;
    case 'Flatten': {
      const axis = intAttribute(node, 'axis', 1);
      const rows = dims.slice(0, axis < 0 ? axis + dims.length : axis).reduce((product, dim) => product * dim, 1);
      return [rows, size / rows];
    }
    case 'Reshape': {
      const wanted = integers(node, 'shape', graph.initializers.get(node.inputs[1] ?? ''))?.map((dim, axis) =>
        dim === 0 ? (dims[axis] ?? 0) : dim,
      );
      const known = wanted?.reduce((product, dim) => (dim < 0 ? product : product * dim), 1) ?? 0;
      return wanted?.map((dim) => (dim < 0 ? size / known : dim)) ?? null;
    }
    case 'Squeeze': {
      const gone = new Set(axes?.map((axis) => (axis < 0 ? axis + dims.length : axis)));
      return dims.filter((dim, axis) => (axes === null ? dim !== 1 : !gone.has(axis)));
    }
    default: {
      const rank = dims.length + (axes?.length ?? 0);
      const added = new Set(axes?.map((axis) => (axis < 0 ? axis + rank : axis)));
      const rest = dims[Symbol.iterator]();
      return axes === null ? null : Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.next().value ?? 1)));
    }
  }
}

/** Integers that stand in an attribute or in a second input. */
function integers(node: Node, name: string, input: Tensor | undefined): readonly number[] | null {
  return intsAttribute(node, name) ?? (input === undefined ? null : Array.from(numbers(input)));
}
