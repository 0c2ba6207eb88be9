// Where the batch is: which axis of each tensor of a graph, as far as the operators say so. It is the first one but around recurrent layers and
// attention, where time often comes first. Takes a graph whose inputs have the batch first.

import { intAttribute, intsAttribute } from '../attributes.ts';
import { sorted } from '../graph.ts';
import type { Graph, Node, Tensor } from '../ir.ts';
import { is } from '../operator-traits.ts';
import { type GraphView, view } from '../view.ts';

/** Tensor → axis; what does not depend on an input has none, and null says that it is not known. */
export function batchAxes(graph: Graph): ReadonlyMap<string, number | null> {
  const seen = view(graph);
  const axes = new Map<string, number | null>(graph.inputs.map(({ name }) => [name, 0]));
  for (const node of sorted(graph)) {
    const x = node.inputs.find((name) => axes.has(name));
    if (x === undefined || is(node, 'measures')) continue;
    const axis = axes.get(x) ?? null;
    node.outputs.forEach((name, index) => {
      if (name !== '') axes.set(name, axis === null ? null : behind(seen, node, axis, index));
    });
  }
  return axes;
}

/** Time comes first in the whole of a recurrent layer: [time, batch, …] → [time, direction, batch, …] and [direction, batch, …]. */
function behind(seen: GraphView, node: Node, axis: number, output: number): number | null {
  if (is(node, 'recurrent')) return axis !== 1 ? null : output === 0 ? 2 : 1;
  switch (node.op) {
    case 'Transpose': {
      return intsAttribute(node, 'perm')?.indexOf(axis) ?? null;
    }
    case 'Squeeze':
      return shifted(axis, axesOf(seen, node), -1);
    case 'Unsqueeze':
      return (axesOf(seen, node) ?? []).toSorted((a, b) => a - b).reduce((at, added) => (added >= 0 && added <= at ? at + 1 : at), axis);
    case 'Gather': {
      const at = intAttribute(node, 'axis', 0);
      const index = seen.constant(node.inputs[1]);
      return index === null ? null : shifted(axis, [at], index.dims.length - 1);
    }
    case 'Reshape': {
      const target = numbers(seen.constant(node.inputs[1]));
      return axis === 0 || target?.slice(0, axis + 1).every((size) => size === 0) === true ? axis : null;
    }
    case 'Flatten':
      return axis === 0 ? 0 : null;
    default:
      if (!node.op.startsWith('Reduce') || intAttribute(node, 'keepdims', 1) !== 0) return axis;
      return shifted(axis, axesOf(seen, node), -1);
  }
}

/** The axis after each of `axes` became 1 + `change` axes; null where the batch itself went. */
function shifted(axis: number, axes: readonly number[] | null, change: number): number | null {
  if (axes === null || axes.includes(axis) || (axis > 0 && axes.some((each) => each < 0))) return axis === 0 && axes === null ? 0 : null;
  return axis + axes.filter((each) => each >= 0 && each < axis).length * change;
}

function axesOf(seen: GraphView, node: Node): readonly number[] | null {
  return intsAttribute(node, 'axes') ?? numbers(seen.constant(node.inputs[1]));
}

function numbers(tensor: Tensor | null): readonly number[] | null {
  return tensor === null ? null : Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}
