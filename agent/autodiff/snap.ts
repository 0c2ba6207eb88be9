// Snap: values rounded to the grid of a quantizer, as one node while a step is differentiated and three plain ones in what is written.
// y = s·round(x/s), half to even as the runtime rounds. Its gradient is the straight-through one, dx = dy (Bengio, Léonard, Courville 2013);
// the mask of what a quantizer clips comes from the Clip before it.

import type { Graph, Node } from '../onnx/ir.ts';
import { node as makeNode } from '../onnx/made/build.ts';

const domain = 'whetstone';

/** `scale` broadcasts with `x`: a scalar, or one a channel. */
export function snapNode(x: string, scale: string, y: string): Node {
  return makeNode('Snap', [x, scale], [y], {}, { domain, name: y });
}

/** The graph with plain nodes instead. */
export function expandSnaps(graph: Graph): Graph {
  if (!graph.nodes.some(isSnap)) return graph;
  return { ...graph, nodes: graph.nodes.flatMap((node) => (isSnap(node) ? expanded(node) : [node])) };
}

function isSnap(node: Node): boolean {
  return node.domain === domain && node.op === 'Snap';
}

function expanded({ inputs: [x = '', scale = ''], outputs: [y = ''] }: Node): readonly Node[] {
  return [
    makeNode('Div', [x, scale], [`${y}/steps`]),
    makeNode('Round', [`${y}/steps`], [`${y}/whole`]),
    makeNode('Mul', [`${y}/whole`, scale], [y]),
  ];
}
