// Finds the last linear layer of a float tail, the logits, and the activation that turns them into the model's output. A pointwise
// convolution on a map of one place, or one whose places are averaged, is a linear layer too.

import { floatAttribute, intAttribute, intsAttribute } from '../attributes.ts';
import { numbers } from '../forms/quantized-values.ts';
import { type Graph, type Model, type Node, sizeOf } from '../ir.ts';
import { is } from '../operator-traits.ts';
import type { FloatTail, LinearHead, TailParameter } from '../surgery/tail.ts';
import { constantBehind, matrixBehind, weightSource } from '../surgery/weight-source.ts';
import { type GraphView, view } from '../view.ts';
import { node as build } from './build.ts';

/** `nodes` compute the head's input as rows where the tail has it in another shape; the output does not need them. */
type Head = Pick<FloatTail, 'head' | 'logits' | 'activation'> & { readonly nodes: readonly Node[] };

const activations: ReadonlyMap<string, FloatTail['activation']> = new Map(
  Object.entries<FloatTail['activation']>({
    Softmax: 'softmax',
    LogSoftmax: 'log-softmax',
    Sigmoid: 'sigmoid',
  }),
);

/** `classes`: numbers that the model gives for one sample; null where the model does not say. */
export function findHead(model: Model, parameters: readonly TailParameter[], output: string, classes: number | null): Head {
  const seen = view(model.graph);
  let last = seen.producer(output);
  if (last !== undefined && is(last, 'view') && activations.has(seen.producer(last.inputs[0] ?? '')?.op ?? ''))
    last = seen.producer(last.inputs[0] ?? '');
  const activation = activations.get(last?.op ?? '') ?? 'none';
  const logits = activation === 'none' ? output : (last?.inputs[0] ?? output);
  const layer = lastLayer(seen, parameters, logits);
  const head = layer === null ? null : linearHead(seen, layer);
  const isWhole = head !== null && (!layer?.isReshaped || head.classes === classes);
  return { logits, activation, head: isWhole ? head : null, nodes: isWhole && layer !== null ? rowsOf(layer, head) : [] };
}

/** The layer whose results are the logits. */
export interface LastLayer {
  readonly node: Node;
  /** The initializer that holds its bias; null where it has none of one number a class. */
  readonly bias: string | null;
  /** Its places are averaged behind it. */
  readonly isPooled: boolean;
  /** Something between it and the logits changes the shape. */
  readonly isReshaped: boolean;
}

function lastLayer(seen: GraphView, parameters: readonly TailParameter[], logits: string): LastLayer | null {
  let node = seen.producer(logits);
  let isReshaped = false;
  for (; node !== undefined && is(node, 'view'); node = seen.producer(node.inputs[0] ?? '')) isReshaped = true;
  const isPooled = node !== undefined && averagesPlaces(seen.graph, node);
  if (isPooled) node = seen.producer(node?.inputs[0] ?? '');
  const shape = { isPooled, isReshaped: isReshaped || isPooled };
  const isBias = (name: string | undefined) => parameters.some((each) => each.name === name && each.role === 'bias');
  const biasAt = (reader: Node, input: number) => constantBehind(seen, reader.inputs[input] ?? '')?.name;
  if (node?.op === 'Add') {
    const at = [0, 1].find((input) => isBias(biasAt(node as Node, input)));
    const product = at === undefined ? undefined : seen.producer(node.inputs[1 - at] ?? '');
    return at === undefined || product === undefined ? null : { node: product, bias: biasAt(node, at) ?? null, ...shape };
  }
  if (node === undefined) return null;
  const own = node.op === 'MatMul' ? undefined : biasAt(node, 2);
  return { node, bias: isBias(own) ? (own ?? null) : null, ...shape };
}

function averagesPlaces(graph: Graph, node: Node): boolean {
  if (node.op === 'GlobalAveragePool') return true;
  if (node.op !== 'ReduceMean') return false;
  const constant = graph.initializers.get(node.inputs[1] ?? '');
  const over = intsAttribute(node, 'axes') ?? (constant === undefined ? [] : Array.from(numbers(constant)));
  return ['2,3', '-2,-1', '2'].includes(String(over));
}

function linearHead(seen: GraphView, { node, bias, isPooled, isReshaped }: LastLayer): LinearHead | null {
  const head = node.op === 'Conv' ? pointwiseHead(seen, node) : isPooled ? null : matrixHead(seen, node, isReshaped);
  if (head === null) return null;
  // One number for all classes, or one a place, is no bias of the classes.
  const hasBias = bias !== null && sizeOf(seen.graph.initializers.get(bias)?.dims ?? []) === head.classes;
  return { ...head, bias: hasBias ? bias : null };
}

function matrixHead(seen: GraphView, node: Node, isReshaped: boolean): LinearHead | null {
  if (node.op !== 'Gemm' && node.op !== 'MatMul') return null;
  const source = weightSource(seen, node);
  const matrix = source === null ? null : matrixBehind(seen.graph, source);
  if (source === null || matrix === null || source.input !== 1) return null;
  const scaled = ['alpha', 'beta'].some((name) => floatAttribute(node, name, 1) !== 1);
  if (scaled || intAttribute(node, 'transA', 0) === 1) return null;
  const outIn = (intAttribute(node, 'transB', 0) === 1) !== matrix.transposed;
  const [rows, columns] = matrix.dims;
  const [x = ''] = node.inputs;
  return {
    weight: source.name,
    bias: null,
    layout: outIn ? 'out-in' : 'in-out',
    input: isReshaped && node.op === 'MatMul' ? `${x}/rows` : x,
    width: outIn ? columns : rows,
    classes: outIn ? rows : columns,
  };
}

/** W [classes, width, 1, 1], one group, no steps and no padding: a matrix at every place. */
function pointwiseHead(seen: GraphView, node: Node): LinearHead | null {
  const source = weightSource(seen, node);
  const dims = source === null ? [] : (seen.graph.initializers.get(source.name)?.dims ?? []);
  const all = (name: string, wanted: number) => intsAttribute(node, name)?.every((each) => each === wanted) ?? true;
  const group = intAttribute(node, 'group', 1);
  if (source === null || source.chain.length > 0 || dims.length < 3 || dims.slice(2).some((dim) => dim !== 1)) return null;
  if (group !== 1 || !all('strides', 1) || !all('pads', 0)) return null;
  const [classes = 0, width = 0] = dims;
  return {
    weight: source.name,
    bias: null,
    layout: 'out-in',
    input: `${node.inputs[0]}/rows`,
    width,
    classes,
  };
}

/** Rows [batch, width] of what enters the head: at the one place of a map, or its average over the places. */
function rowsOf({ node, isPooled }: LastLayer, head: LinearHead): readonly Node[] {
  const [x = ''] = node.inputs;
  if (head.input === x) return [];
  if (!isPooled) return [build('Flatten', [x], [head.input])];
  return [build('GlobalAveragePool', [x], [`${x}/average`]), build('Flatten', [`${x}/average`], [head.input])];
}
