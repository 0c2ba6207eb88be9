// Brings the end of a float tail into one form: [batch, classes] logits, then at most one activation. Shape operators around it (an output
// [n, C, 1, 1], a Squeeze behind the last layer) become one Flatten; what stood there is dropped. Changes nothing where it is so already.

import { neededNodes } from '../graph.ts';
import type { Graph, Node } from '../ir.ts';
import { node as build } from '../made/build.ts';
import { is } from '../operator-traits.ts';
import { type GraphView, view } from '../view.ts';

export interface Ends {
  readonly graph: Graph;
  /** Tensor that is gone → the one that has its values. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** `isFlat`: the model's output has two dimensions; otherwise it has the same numbers in more, or in one. */
export function canonicalEnds(graph: Graph, output: string, isFlat: boolean): Ends {
  const seen = view(graph);
  const behind = walkBack(seen, output);
  const activation = seen.producer(behind.root);
  const isActivation = activation !== undefined && is(activation, 'of-logits');
  const before = isActivation ? walkBack(seen, activation.inputs[0] ?? '') : behind;
  const gone = [...behind.through, ...(isActivation ? before.through : [])];
  if (gone.length === 0 && isFlat) return { graph, renamed: new Map() };
  if (graph.inputs.some(({ name }) => name === before.root)) return { graph, renamed: new Map() };
  const nodes = graph.nodes.filter((node) => !(isActivation && node === activation) && !gone.includes(node));
  nodes.push(...(isActivation ? ending(activation, before.root, output) : [build('Flatten', [before.root], [output])]));
  // Without shape operators the raw values have the name that the flat ones are to have.
  const raw = before.root === output ? `${output}/shaped` : before.root;
  const renamed = nodes.map((node) => (node.outputs[0] === output && node !== nodes.at(-1) ? { ...node, outputs: [raw] } : node));
  const last = renamed.at(-1) as Node;
  if (raw !== before.root) renamed[renamed.length - 1] = { ...last, inputs: [raw] };
  const whole = { ...graph, nodes: renamed };
  const { nodes: needed } = neededNodes(whole, [output]);
  const lost = gone.flatMap((node) => node.outputs).filter((name) => name !== output && name !== activation?.inputs[0]);
  return {
    graph: { ...whole, nodes: whole.nodes.filter((node) => needed.has(node)) },
    renamed: new Map(lost.map((name) => [name, before.root])),
  };
}

/** Flatten → activation over the last axis → output; tensors keep their names where they stay. */
function ending(activation: Node, raw: string, output: string): readonly Node[] {
  const [x = ''] = activation.inputs;
  const [y = ''] = activation.outputs;
  const flat = x === raw ? `${raw}/flat` : x;
  const over: Readonly<Record<string, number>> = activation.op === 'Sigmoid' ? {} : { axis: -1 };
  const nodes = [build('Flatten', [raw], [flat]), build(activation.op, [flat], [y], over, { name: activation.name })];
  return y === output ? nodes : [...nodes, build('Flatten', [y], [output])];
}

/** The tensor whose elements `name` has, and the shape operators between. */
function walkBack({ graph, producer }: GraphView, name: string): { readonly root: string; readonly through: readonly Node[] } {
  const through: Node[] = [];
  let root = name;
  for (let node = producer(root); node !== undefined && is(node, 'view'); node = producer(root)) {
    const [x = ''] = node.inputs;
    if (graph.initializers.has(x) || graph.inputs.some((info) => info.name === x)) break;
    through.push(node);
    root = x;
  }
  return { root, through };
}
