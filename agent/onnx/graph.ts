// Questions about a graph, and the one way to cut a piece out of it. Edges are names; lookups are built when needed.
import { WhetError } from '../errors.ts';
import { type Graph, type Model, type Node, nodeKey, type ValueInfo } from './ir.ts';

/** Tensor name → the node that computes it. */
export function producers(graph: Graph): ReadonlyMap<string, Node> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== '').map((name) => [name, node] as const)));
}

/** Tensor name → the nodes that read it, in order. */
export function consumers(graph: Graph): ReadonlyMap<string, readonly Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of new Set(reads(node))) {
      const known = readers.get(name);
      if (known === undefined) readers.set(name, [node]);
      else known.push(node);
    }
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

/**
 * The nodes in an order in which every node follows what it reads; a list that is in such an order already stays as it is.
 * Throws `model-unreadable` on a cycle.
 */
export function sorted(graph: Graph): readonly Node[] {
  const produced = producers(graph);
  const order: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  for (const root of graph.nodes) {
    // Depth first with a list of its own: hostile graphs are deeper than the call stack.
    const path: { readonly node: Node; readonly before: Iterator<string> }[] = [];
    const enter = (node: Node) => {
      state.set(node, 'open');
      path.push({ node, before: reads(node)[Symbol.iterator]() });
    };
    if (state.get(root) === undefined) enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.before.next();
      if (next.done === true) {
        state.set(top.node, 'done');
        order.push(top.node);
        path.pop();
        continue;
      }
      const producer = produced.get(next.value);
      if (producer === undefined || state.get(producer) === 'done') continue;
      if (state.get(producer) === 'open')
        throw new WhetError(
          'model-unreadable',
          `the graph has a cycle through node '${producer.name || nodeKey(producer)}' (${producer.op})`,
        );
      enter(producer);
    }
  }
  return order;
}

/** The nodes that the outputs need; the others are computed for nothing. `given` are tensors that need no computing. */
export function neededNodes(graph: Graph, outputs: readonly string[], given: ReadonlySet<string> = new Set()): Needed {
  const produced = producers(graph);
  const names = new Set<string>();
  const nodes = new Set<Node>();
  const open = [...outputs];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (names.has(name)) continue;
    names.add(name);
    const producer = given.has(name) ? undefined : produced.get(name);
    if (producer === undefined || nodes.has(producer)) continue;
    nodes.add(producer);
    open.push(...reads(producer));
  }
  return { nodes, names };
}

export interface Needed {
  readonly nodes: ReadonlySet<Node>;
  /** Every tensor that they read or that was asked for. */
  readonly names: ReadonlySet<string>;
}

/**
 * Cuts a piece out of a model: sets the inputs, sets the outputs, drops what is unreachable.
 * Throws `cut-impossible` where the outputs need a graph input that is not among the new inputs.
 */
export function extract(model: Model, inputs: readonly ValueInfo[], outputs: readonly ValueInfo[]): Model {
  const { graph } = model;
  const given = new Set(inputs.map((input) => input.name));
  const { nodes: kept, names: needed } = neededNodes(
    graph,
    outputs.map((output) => output.name),
    given,
  );
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
