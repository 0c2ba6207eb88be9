// A graph with the lookups that questions about it need: who computes a tensor, who reads it, which node goes by which key, what is constant.
// Each lookup is built when it is first asked for; the graph itself stays a plain record, and another graph is another view.
import { constantValue } from './constants.ts';
import { consumers, producers } from './graph.ts';
import { type Graph, type Node, nodeKey, type Tensor } from './ir.ts';

export interface GraphView {
  readonly graph: Graph;
  /** The node that computes a tensor; undefined for inputs, initializers and what the graph does not have. */
  producer(name: string): Node | undefined;
  /** The nodes that read a tensor, in order; what the bodies of If, Loop and Scan capture is read by their nodes. */
  readers(name: string): readonly Node[];
  /** The one node that reads a tensor; undefined where several do, none does, or the graph gives it out. */
  onlyReader(name: string): Node | undefined;
  /** The node of that key (`nodeKey`). */
  node(key: string): Node | undefined;
  /** The value of an initializer or of a Constant node; null where the name is computed or left out. */
  constant(name: string | undefined): Tensor | null;
}

export function view(graph: Graph): GraphView {
  const produced = lazy(() => producers(graph));
  const read = lazy(() => consumers(graph));
  const keyed = lazy(() => new Map(graph.nodes.map((node) => [nodeKey(node), node])));
  const given = lazy(() => new Set(graph.outputs.map(({ name }) => name)));
  const readers = (name: string) => read().get(name) ?? [];
  return {
    graph,
    producer: (name) => produced().get(name),
    readers,
    onlyReader: (name) => (readers(name).length === 1 && !given().has(name) ? readers(name)[0] : undefined),
    node: (key) => keyed().get(key),
    constant: (name = '') => {
      const stored = graph.initializers.get(name);
      const producer = stored === undefined ? produced().get(name) : undefined;
      return stored ?? (producer === undefined ? null : constantValue(producer));
    },
  };
}

function lazy<T>(build: () => T): () => T {
  let built: { readonly value: T } | null = null;
  return () => {
    built ??= { value: build() };
    return built.value;
  };
}
