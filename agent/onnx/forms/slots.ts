// Reads and writes the constants that stand at given inputs of given nodes. Writing leaves every other reader of a shared constant alone:
// where all readers change alike the initializer is replaced, otherwise the changed ones get an initializer of their own.
import { WhetError } from '../../errors.ts';
import { int64s } from '../codec/int64.ts';
import { type Graph, type Node, nodeKey, type Tensor } from '../ir.ts';
import type { Slot } from '../surgery/tail.ts';
import { sameTensor } from '../weights.ts';

export interface SlotWrite {
  readonly slot: Slot;
  readonly value: Tensor;
}

/** The constant at a slot. Throws `internal` where there is none: the tail was made from another model. */
export function readSlot(graph: Graph, slot: Slot): Tensor {
  const name = nodeOf(graph, slot).inputs[slot.input] ?? '';
  const value = constantOf(graph, name);
  if (value === null) throw new WhetError('internal', `'${name}' (input ${slot.input} of '${slot.node}') is not a constant of the model`);
  return value;
}

export function nodeOf(graph: Graph, slot: Slot): Node {
  const node = graph.nodes.find((candidate) => nodeKey(candidate) === slot.node);
  if (node === undefined) throw new WhetError('internal', `the model has no node that computes '${slot.node}'`);
  return node;
}

export function writeSlots(graph: Graph, writes: readonly SlotWrite[]): Graph {
  const changed = writes.filter(({ slot, value }) => !sameTensor(readSlot(graph, slot), value));
  const byName = new Map<string, SlotWrite[]>();
  for (const write of changed) {
    const name = nodeOf(graph, write.slot).inputs[write.slot.input] ?? '';
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

/** The value of an initializer or of a Constant node; null where the name is computed. */
export function constantOf(graph: Graph, name: string): Tensor | null {
  const node = graph.nodes.find((candidate) => candidate.op === 'Constant' && candidate.outputs[0] === name);
  return graph.initializers.get(name) ?? (node === undefined ? null : constantValue(node));
}

/** The tensor of a Constant node, in whichever attribute it is written; null for strings and sparse tensors. */
function constantValue(node: Node): Tensor | null {
  const { value, value_float: float, value_floats: floats, value_int: int, value_ints: ints } = node.attributes;
  if (value?.kind === 'tensor') return value.value;
  if (float?.kind === 'float') return { dtype: 'float32', dims: [], data: Float32Array.of(float.value) };
  if (floats?.kind === 'floats') return { dtype: 'float32', dims: [floats.value.length], data: Float32Array.from(floats.value) };
  if (int?.kind === 'int') return { dtype: 'int64', dims: [], data: int64s(int) };
  if (ints?.kind === 'ints') return { dtype: 'int64', dims: [ints.value.length], data: int64s(ints) };
  return null;
}

function keyOf(slot: Slot): string {
  return `${slot.input}:${slot.node}`;
}

/** Constant nodes become initializers; float values are tensors, floats or float lists. */
export function foldConstants(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    const value = node.op === 'Constant' ? constantValue(node) : null;
    if (value !== null) initializers.set(node.outputs[0] ?? '', value);
    return value === null;
  });
  return { ...graph, nodes, initializers };
}
