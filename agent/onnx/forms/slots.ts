// Reads and writes the constants that stand at given inputs of given nodes. Writing leaves every other reader of a shared constant alone:
// where all readers change alike the initializer is replaced, otherwise the changed ones get an initializer of their own.
import { WhetError } from '../../errors.ts';
import { type Graph, type Node, nodeKey, type Tensor } from '../ir.ts';
import type { Slot } from '../surgery/tail.ts';
import { type GraphView, view } from '../view.ts';
import { sameTensor } from '../weights.ts';

export interface SlotWrite {
  readonly slot: Slot;
  readonly value: Tensor;
}

/** The constant at a slot. Throws `internal` where there is none: the tail was made from another model. */
export function readSlot(seen: GraphView, slot: Slot): Tensor {
  const name = nodeOf(seen, slot).inputs[slot.input] ?? '';
  const value = seen.constant(name);
  if (value === null) throw new WhetError('internal', `'${name}' (input ${slot.input} of '${slot.node}') is not a constant of the model`);
  return value;
}

export function nodeOf(seen: GraphView, slot: Slot): Node {
  const node = seen.node(slot.node);
  if (node === undefined) throw new WhetError('internal', `the model has no node that computes '${slot.node}'`);
  return node;
}

export function writeSlots(graph: Graph, writes: readonly SlotWrite[]): Graph {
  const seen = view(graph);
  const changed = writes.filter(({ slot, value }) => !sameTensor(readSlot(seen, slot), value));
  const byName = new Map<string, SlotWrite[]>();
  for (const write of changed) {
    const name = nodeOf(seen, write.slot).inputs[write.slot.input] ?? '';
    byName.set(name, [...(byName.get(name) ?? []), write]);
  }
  return [...byName].reduce((result, [name, group]) => writeConstant(result, name, group), graph);
}

function writeConstant(graph: Graph, name: string, group: readonly SlotWrite[]): Graph {
  const [first, ...others] = distinctValues(group);
  if (first === undefined) return graph;
  const keys = new Set(group.map(({ slot }) => keyOf(slot)));
  const readers = graph.nodes.flatMap((node) =>
    node.inputs.flatMap((input, index) => (input === name ? [keyOf({ node: nodeKey(node), input: index })] : [])),
  );
  const isOnlyOurs =
    graph.initializers.has(name) && others.length === 0 && readers.every((key) => keys.has(key)) && !isCaptured(graph, name);
  if (isOnlyOurs) return { ...graph, initializers: new Map(graph.initializers).set(name, first) };
  const initializers = new Map(graph.initializers);
  const renamed = new Map<string, string>();
  for (const value of [first, ...others]) {
    const own = freshName(graph, initializers, name);
    initializers.set(own, value);
    for (const write of group) if (sameTensor(write.value, value)) renamed.set(keyOf(write.slot), own);
  }
  const nodes = graph.nodes.map((node) => {
    const inputs = node.inputs.map((input, index) => renamed.get(keyOf({ node: nodeKey(node), input: index })) ?? input);
    return inputs.some((input, index) => input !== node.inputs[index]) ? { ...node, inputs } : node;
  });
  return dropUnread({ ...graph, nodes, initializers }, name);
}

function distinctValues(group: readonly SlotWrite[]): readonly Tensor[] {
  return group.map(({ value }) => value).filter((value, index, all) => all.findIndex((other) => sameTensor(other, value)) === index);
}

/** A constant whose last reader moved away goes, whether initializer or Constant node. */
function dropUnread(graph: Graph, name: string): Graph {
  if (graph.nodes.some((node) => node.inputs.includes(name)) || isCaptured(graph, name)) return graph;
  const initializers = new Map(graph.initializers);
  initializers.delete(name);
  return { ...graph, initializers, nodes: graph.nodes.filter((node) => !(node.op === 'Constant' && node.outputs[0] === name)) };
}

/** Whether the graph gives the name out, or a body of If, Loop or Scan may read it. */
function isCaptured(graph: Graph, name: string): boolean {
  const hasBody = graph.nodes.some((node) => Object.values(node.attributes).some((attribute) => attribute.kind === 'graph'));
  return hasBody || graph.outputs.some((output) => output.name === name);
}

function freshName(graph: Graph, initializers: ReadonlyMap<string, Tensor>, name: string): string {
  const taken = new Set([
    ...initializers.keys(),
    ...graph.inputs.map((input) => input.name),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  let own = `${name}_adapted`;
  for (let count = 2; taken.has(own); count++) own = `${name}_adapted${count}`;
  return own;
}

function keyOf(slot: Slot): string {
  return `${slot.input}:${slot.node}`;
}
