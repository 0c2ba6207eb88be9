// Shapes of matrix products and of the normalizations.
import type { Node } from '../../onnx/ir.ts';
import { intAttribute, normalAxis, stringAttribute } from '../attributes.ts';
import type { Shape, ShapeRule } from '../shapes.ts';
import { broadcastShape, known } from './elementwise.ts';

const matMul: ShapeRule = (node, source) => {
  const [x, w] = node.inputs.map((name) => known(source, name));
  if (x === undefined || w === undefined) return [undefined];
  // A vector gets an axis of one on its outer side, which goes away again afterwards.
  const left: Shape = x.length === 1 ? [1, ...x] : x;
  const right: Shape = w.length === 1 ? [...w, 1] : w;
  const batch = broadcastShape([left.slice(0, -2), right.slice(0, -2)], node);
  const rows = x.length === 1 ? [] : [left.at(-2) as number];
  const columns = w.length === 1 ? [] : [right.at(-1) as number];
  return [[...batch, ...rows, ...columns]];
};

const gemm: ShapeRule = (node, source) => {
  const [x, w] = node.inputs.map((name) => known(source, name));
  if (x === undefined || w === undefined) return [undefined];
  const rows = x[intAttribute(node, 'transA', 0) === 0 ? 0 : 1] as number;
  const columns = w[intAttribute(node, 'transB', 0) === 0 ? 1 : 0] as number;
  return [[rows, columns]];
};

interface Equation {
  readonly inputs: readonly string[];
  readonly output: string;
}

/** 'ab,bc->ac' in parts; without an arrow the output has every letter that occurs once, in alphabetical order. */
export function equationOf(node: Node): Equation {
  const [left = '', right] = stringAttribute(node, 'equation', '').replaceAll(' ', '').split('->');
  const inputs = left.split(',');
  const letters = [...left.replaceAll(',', '')];
  const once = letters.filter((letter) => letters.filter((other) => other === letter).length === 1).sort();
  return { inputs, output: right ?? once.join('') };
}

const einsum: ShapeRule = (node, source) => {
  const { inputs, output } = equationOf(node);
  const shapes = node.inputs.map((name) => known(source, name));
  if (shapes.includes(undefined) || output.includes('.')) return [undefined];
  const size = (letter: string) => Math.max(...inputs.map((letters, index) => shapes[index]?.[letters.indexOf(letter)] ?? 1));
  return [[...output].map(size)];
};

/** Outputs: y, and where asked for the running (or saved) statistics, one a channel. */
const batchNormalization: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  return node.outputs.map((_, index) => (index === 0 ? x : known(source, node.inputs[3] as string)));
};

/** Outputs: y, mean and inverse deviation; the latter two with ones from `axis` on. */
const layerNormalization: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', -1), x.length);
  const statistics = x.map((size, at) => (at < axis ? size : 1));
  return node.outputs.map((_, index) => (index === 0 ? x : statistics));
};

export const linearShapes: Readonly<Record<string, ShapeRule>> = {
  MatMul: matMul,
  Gemm: gemm,
  Einsum: einsum,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
};
