// A float classifier of any opset → the same function in the form that is quantized: opset 13 or newer, constants as initializers, no Identity
// or Dropout, batch statistics folded into the layer before them. Refuses models that are quantized already.

import { WhetError } from '../../errors.ts';
import { intsAttribute } from '../attributes.ts';
import { foldConstants } from '../constants.ts';
import { dequantizeTail } from '../forms/dequantize.ts';
import { extract } from '../graph.ts';
import { type Graph, type Model, type Node, opsetOf, type Tensor } from '../ir.ts';
import { classifierEnds } from '../surgery/classifier-ends.ts';
import { detectQuantization } from '../surgery/layers.ts';
import { foldAddedBias, foldReshapes } from './fold-bias.ts';
import { foldNormalization } from './fold-normalization.ts';

/** One scale a channel came with opset 13. */
const leastOpset = 13;

/** Throws `model-unsupported` for what is no float classifier, `operator-unsupported` for what has no counterpart in newer opsets. */
export function prepareFloat(model: Model): Model {
  classifierEnds(model);
  if (detectQuantization(model) !== 'none' || model.graph.nodes.some(({ op }) => op.endsWith('QuantizeLinear')))
    throw new WhetError('model-unsupported', 'the model is quantized already', { hint: 'Give the float model that it was made from.' });
  const modern = opsetOf(model) >= leastOpset ? model : dequantizeTail(model, 'saturated').model;
  const folded = [foldConstants, withoutCopies, foldTransposes, foldReshapes, foldAddedBias, foldNormalization].reduce(
    (graph, fold) => fold(graph),
    modern.graph,
  );
  return extract({ ...modern, graph: folded }, folded.inputs, folded.outputs);
}

/** Identity and Dropout (at inference) pass on what they get; one that gives the model's output stays. */
function withoutCopies(graph: Graph): Graph {
  const kept = new Set(graph.outputs.map(({ name }) => name));
  const source = new Map<string, string>();
  const resolve = (name: string): string => {
    const before = source.get(name);
    return before === undefined ? name : resolve(before);
  };
  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  const isCopy = ({ op, domain, outputs: [y = '', mask = ''] }: Node) =>
    (op === 'Identity' || (op === 'Dropout' && (mask === '' || !(read.has(mask) || kept.has(mask))))) && domain === '' && !kept.has(y);
  for (const node of graph.nodes) if (isCopy(node)) source.set(node.outputs[0] ?? '', node.inputs[0] ?? '');
  // Bodies of If, Loop and Scan read by name: what they capture must keep its own.
  if (graph.nodes.some((node) => Object.values(node.attributes).some(({ kind }) => kind === 'graph'))) return graph;
  const nodes = graph.nodes.filter((node) => !isCopy(node)).map((node) => ({ ...node, inputs: node.inputs.map(resolve) }));
  return { ...graph, nodes };
}

/** A Transpose of a constant matrix, as some exporters write linear layers. */
function foldTransposes(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    const matrix = node.op === 'Transpose' ? initializers.get(node.inputs[0] ?? '') : undefined;
    if (matrix?.dtype !== 'float32' || matrix.dims.length !== 2 || isIdentityOrder(node)) return true;
    initializers.set(node.outputs[0] ?? '', transposed(matrix));
    return false;
  });
  return { ...graph, nodes, initializers };
}

function isIdentityOrder(node: Node): boolean {
  return intsAttribute(node, 'perm')?.[0] === 0;
}

function transposed(matrix: Tensor): Tensor {
  const [rows = 0, columns = 0] = matrix.dims;
  const old = matrix.data as Float32Array;
  const data = new Float32Array(old.length);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1) data[column * rows + row] = old[row * columns + column]!;
  return { dtype: 'float32', dims: [columns, rows], data };
}
