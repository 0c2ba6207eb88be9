// Matrix products. In gradients all products of matrices are written as Gemm, which transposes for nothing.
import { floatAttribute, intAttribute } from '../../onnx/attributes.ts';
import { sizeOf } from '../../onnx/ir.ts';
import type { Draft } from '../draft.ts';
import { gemm as loweredGemm, matMul as loweredMatMul } from '../lower/linear.ts';
import type { Family, Gradient, Shape, ShapeRule } from '../operator.ts';
import { einsum, einsumShape } from './einsum.ts';
import { broadcastShape, known } from './elementwise.ts';

const matMulShape: ShapeRule = (node, source) => {
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

const gemmShape: ShapeRule = (node, source) => {
  const [x, w] = node.inputs.map((name) => known(source, name));
  if (x === undefined || w === undefined) return [undefined];
  const rows = x[intAttribute(node, 'transA', 0) === 0 ? 0 : 1] as number;
  const columns = w[intAttribute(node, 'transB', 0) === 0 ? 1 : 0] as number;
  return [[rows, columns]];
};

/** y = x·w:  dx = dy·wᵀ,  dw = xᵀ·dy  (over the last two axes; leading axes broadcast, the walker sums). */
const matMul: Gradient = (c, node, dy) => {
  const [x, w] = node.inputs as readonly [string, string];
  const [xs, ws] = [c.shape(x), c.shape(w)];
  if (ws.length === 2 && xs.length >= 2) {
    // One weight matrix for all leading axes: fold them into the rows.
    const [rows, inner] = [sizeOf(xs.slice(0, -1)), xs.at(-1) as number];
    const x2 = c.reshape(x, [rows, inner]);
    const dy2 = c.reshape(dy, [rows, ws[1] as number]);
    return [c.reshape(gemm2(c, dy2, w, false, true), xs), gemm2(c, x2, dy2, true, false)];
  }
  // A vector is a matrix with an axis of one on its outer side.
  const x2 = xs.length === 1 ? c.reshape(x, [1, ...xs]) : x;
  const w2 = ws.length === 1 ? c.reshape(w, [...ws, 1]) : w;
  const full = [...c.shape(dy)];
  if (ws.length === 1) full.push(1);
  if (xs.length === 1) full.splice(full.length - 1, 0, 1);
  const dy2 = c.reshape(dy, full);
  const dx = c.emit('MatMul', [dy2, swapLast(c, w2)]);
  const dw = c.emit('MatMul', [swapLast(c, x2), dy2]);
  return [xs.length === 1 ? dropAxis(c, dx, -2) : dx, ws.length === 1 ? dropAxis(c, dw, -1) : dw];
};

/**
 * y = α·x'·w' + β·b, where ' transposes if transA, transB say so:
 * dx' = α·dy·w'ᵀ,  dw' = α·x'ᵀ·dy,  db = β·dy (the walker sums).
 */
const gemm: Gradient = (c, node, dy) => {
  const [x, w, b] = node.inputs as readonly [string, string, string?];
  const [transA, transB] = [intAttribute(node, 'transA', 0) !== 0, intAttribute(node, 'transB', 0) !== 0];
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)];
  // Written so that the result comes out already transposed: dx = α·w'·dyᵀ where x entered transposed, and likewise for w.
  const dx = transA ? gemm2(c, w, dy, transB, true, alpha) : gemm2(c, dy, w, false, !transB, alpha);
  const dw = transB ? gemm2(c, dy, x, true, transA, alpha) : gemm2(c, x, dy, !transA, false, alpha);
  if (b === undefined || b === '') return node.inputs.length === 3 ? [dx, dw, null] : [dx, dw];
  return [dx, dw, beta === 1 ? dy : c.mul(dy, beta)];
};

function gemm2(c: Draft, a: string, b: string, transA: boolean, transB: boolean, alpha = 1): string {
  return c.emit('Gemm', [a, b], {
    transA: transA ? 1 : 0,
    transB: transB ? 1 : 0,
    alpha: { kind: 'float', value: alpha },
  });
}

/** Transposes the last two axes. */
function swapLast(c: Draft, x: string): string {
  const axes = c.shape(x).map((_, axis) => axis);
  return c.transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}

function dropAxis(c: Draft, x: string, fromEnd: -1 | -2): string {
  const shape = [...c.shape(x)];
  shape.splice(shape.length + fromEnd, 1);
  return c.reshape(x, shape);
}

export const matrixProducts: Family = {
  MatMul: { shape: matMulShape, gradient: matMul, lower: loweredMatMul },
  Gemm: { shape: gemmShape, gradient: gemm, lower: loweredGemm },
  Einsum: { shape: einsumShape, gradient: einsum },
};
