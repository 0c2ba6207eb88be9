// Questions about a graph, and the one way to cut a piece out of it. Edges are names; lookups are built when needed.
import { WhetError } from '../errors.ts';
import type { Graph, Model, Node, ValueInfo } from './ir.ts';

/** Tensor name → the node that computes it. */
export function producers(graph: Graph): ReadonlyMap<string, Node> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== '').map((name) => [name, node] as const)));
}

/** Tensor name → the nodes that read it, in order. */
export function consumers(graph: Graph): ReadonlyMap<string, readonly Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of new Set(reads(node))) readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  return readers;
}

/** Every name a node needs from outside: its inputs, and what the bodies of If, Loop and Scan capture. */
export function reads(node: Node): readonly string[] {
  const captured = Object.values(node.attributes).flatMap((attribute) => (attribute.kind === 'graph' ? freeNames(attribute.value) : []));
  return [...node.inputs.filter((name) => name !== ''), ...captured];
}

function freeNames(body: Graph): readonly string[] {
  const bound = new Set([
    ...body.inputs.map((input) => input.name),
    ...body.initializers.keys(),
    ...body.nodes.flatMap((node) => node.outputs),
  ]);
  const used = [...body.nodes.flatMap(reads), ...body.outputs.map((output) => output.name)];
  return used.filter((name) => !bound.has(name));
}

/** The nodes in an order in which every node follows what it reads. Throws `model-unreadable` on a cycle. */
export function sorted(graph: Graph): readonly Node[] {
  const known = new Set([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()]);
  const produced = producers(graph);
  const order: Node[] = [];
  let rest: readonly Node[] = graph.nodes;
  while (rest.length > 0) {
    const later: Node[] = [];
    for (const node of rest) {
      if (reads(node).every((name) => known.has(name) || !produced.has(name))) {
        order.push(node);
        for (const name of node.outputs) known.add(name);
      } else later.push(node);
    }
    if (later.length === rest.length) {
      throw new WhetError('model-unreadable', `the graph has a cycle through node '${later[0]?.name}' (${later[0]?.op})`);
    }
    rest = later;
  }
  return order;
}

/**
 * Cuts a piece out of a model: sets the inputs, sets the outputs, drops what is unreachable.
 * Throws `cut-impossible` where the outputs need a graph input that is not among the new inputs.
 */
export function extract(model: Model, inputs: readonly ValueInfo[], outputs: readonly ValueInfo[]): Model {
  const { graph } = model;
  const produced = producers(graph);
  const given = new Set(inputs.map((input) => input.name));
  const needed = new Set<string>();
  const kept = new Set<Node>();
  const open = outputs.map((output) => output.name);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name)) continue;
    needed.add(name);
    const producer = given.has(name) ? undefined : produced.get(name);
    if (producer === undefined || kept.has(producer)) continue;
    kept.add(producer);
    open.push(...reads(producer));
  }
  const missing = graph.inputs.find((input) => needed.has(input.name) && !given.has(input.name));
  if (missing !== undefined) {
    throw new WhetError('cut-impossible', `'${outputs.map((output) => output.name)}' also depends on the model's input '${missing.name}'`);
  }
  return {
    ...model,
    graph: {
      ...graph,
      nodes: sorted(graph).filter((node) => kept.has(node)),
      initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
      inputs,
      outputs,
      valueInfo: graph.valueInfo.filter((info) => needed.has(info.name) && !given.has(info.name)),
    },
  };
}
