// Makes a linear head of what stands at the end of a float tail where that is one but for its writing: one number that is added to all classes
// becomes a bias, a BatchNormalization behind the last layer is taken into its weights. Both go back into the places that they came from.

import { floatAttribute } from '../attributes.ts';
import { findParameters } from '../forms/parameters.ts';
import { type Graph, type Model, type Node, nodeKey, sizeOf, type Tensor } from '../ir.ts';
import { node as build } from '../made/build.ts';
import { findHead } from '../made/head.ts';
import { is } from '../operator-traits.ts';
import { view } from '../view.ts';
import type { FloatTail, ParameterOrigin, Slot } from './tail.ts';

interface End {
  readonly graph: Graph;
  /** Numbers that the model gives for one sample; null where it does not say. */
  readonly classes: number | null;
  readonly origins: Map<string, ParameterOrigin>;
}

/** A constant of one element that is added to [batch, classes] becomes a vector of its own; nothing where it is not so. */
export function widenScalarBias({ graph, origins, classes }: End, output: string): Graph {
  const add = behindEnds(graph, output, 'Add');
  const at = add?.inputs.findIndex((name) => isScalar(graph.initializers.get(name))) ?? -1;
  if (add === null || at < 0) return graph;
  const name = add.inputs[at] as string;
  // A quantized one stays one number: its scale is made for that.
  if (origins.get(name)?.kind === 'quantized') return graph;
  const head = headOf(bypassed(graph, add, add.inputs[1 - at] ?? ''), output, classes);
  if (head === null || head.bias !== null || head.classes === 1) return graph;
  const vector = `${name}/classes`;
  const [value = 0] = (graph.initializers.get(name) as Tensor).data as Float32Array;
  origins.set(vector, { kind: 'float', values: [{ node: nodeKey(add), input: at }] });
  return {
    ...graph,
    initializers: new Map(graph.initializers).set(vector, {
      dtype: 'float32',
      dims: [head.classes],
      data: new Float32Array(head.classes).fill(value),
    }),
    nodes: graph.nodes.map((node) =>
      node === add ? { ...node, inputs: node.inputs.map((each, input) => (input === at ? vector : each)) } : node,
    ),
  };
}

/** y = s·(h·W + b − mean) + beta with s = gamma/√(var + ε) is h·(W·s) + ((b − mean)·s + beta). `isFixed` tensors have a scale of their own. */
export function absorbNormalization(
  { graph, origins, classes }: End,
  output: string,
  isFixed: (tensor: string) => boolean,
): { readonly graph: Graph; readonly absorbed: NonNullable<FloatTail['absorbed']> } {
  const none = { graph, absorbed: [] };
  const node = behindEnds(graph, output, 'BatchNormalization');
  const [x = '', ...names] = node?.inputs ?? [];
  const constants = names.map((name) => graph.initializers.get(name)?.data as Float32Array | undefined);
  const [gamma, beta, mean, variance] = constants;
  if (node === null || !gamma || !beta || !mean || !variance || isFixed(x)) return none;
  const [y = ''] = node.outputs;
  const head = headOf(bypassed(graph, node, x), output, classes);
  const seen = view(graph);
  const isAlone = (name: string) => seen.readers(name).length === 1;
  if (head === null || head.classes !== gamma.length || !isAlone(head.weight) || !isAlone(x) || (head.bias !== null && !isAlone(head.bias)))
    return none;
  const epsilon = floatAttribute(node, 'epsilon', 1e-5);
  const factors = gamma.map((scale, at) => scale / Math.sqrt((variance[at] as number) + epsilon));
  const weight = graph.initializers.get(head.weight) as Tensor;
  const classOf = (at: number) => (head.layout === 'in-out' ? at % head.classes : Math.floor(at / head.width));
  const initializers = new Map(graph.initializers).set(head.weight, {
    ...weight,
    data: (weight.data as Float32Array).map((value, at) => value * (factors[classOf(at)] as number)),
  });
  const old = head.bias === null ? null : (initializers.get(head.bias) as Tensor);
  const bias = beta.map(
    (shift, at) => shift + (((old?.data as Float32Array | undefined)?.[at] ?? 0) - (mean[at] as number)) * (factors[at] as number),
  );
  const slot = (input: number): Slot => ({ node: nodeKey(node), input });
  const absorbed = [
    { slot: slot(1), value: 1 },
    { slot: slot(3), value: 0 },
    // So that variance and ε make one, and the root of it is nothing to divide by.
    { slot: slot(4), value: Math.fround(1 - epsilon) },
  ];
  if (head.bias !== null) {
    initializers.set(head.bias, { ...(old as Tensor), data: bias });
    return { graph: { ...bypassed(graph, node, x), initializers }, absorbed: [...absorbed, { slot: slot(2), value: 0 }] };
  }
  // The normalization's shift is the bias of a layer that has none.
  const name = `${names[1]}/classes`;
  initializers.set(name, { dtype: 'float32', dims: [bias.length], data: bias });
  origins.set(name, { kind: 'float', values: [slot(2)] });
  const nodes = graph.nodes.flatMap((each) => {
    if (each === node) return [];
    if (each.outputs[0] !== x) return [each];
    if (each.op === 'MatMul') return [each, build('Add', [x, name], [y])];
    return [renamedOutput({ ...each, inputs: [each.inputs[0] ?? '', each.inputs[1] ?? '', name] }, x, y)];
  });
  return { graph: { ...graph, initializers, nodes }, absorbed };
}

/** The node of this operator right before the activation and shape operators that end the tail. */
function behindEnds(graph: Graph, output: string, op: string): Node | null {
  const seen = view(graph);
  let node = seen.producer(output);
  while (node !== undefined && node.op !== op && is(node, 'view', 'of-logits')) node = seen.producer(node.inputs[0] ?? '');
  return node?.op === op ? node : null;
}

function headOf(graph: Graph, output: string, classes: number | null): FloatTail['head'] {
  const model: Model = { irVersion: 8, opsets: new Map(), producer: '', metadata: new Map(), graph, functions: [] };
  return findHead(model, findParameters(graph), output, classes).head;
}

/** The graph without a node: what it made of `x` is now `x` itself. */
function bypassed(graph: Graph, node: Node, x: string): Graph {
  const [y = ''] = node.outputs;
  return { ...graph, nodes: graph.nodes.flatMap((each) => (each === node ? [] : [renamedOutput(each, x, y)])) };
}

function renamedOutput(node: Node, from: string, to: string): Node {
  return node.outputs[0] === from ? { ...node, outputs: [to, ...node.outputs.slice(1)] } : node;
}

function isScalar(tensor: Tensor | undefined): boolean {
  return tensor !== undefined && sizeOf(tensor.dims) === 1 && tensor.dtype === 'float32';
}
