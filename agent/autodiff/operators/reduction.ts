// Operators that sum axes away, and running sums. In gradients dy gets its axes back (as ones), and the walker expands it to the shape of x.
import { WhetError } from '../../errors.ts';
import { intAttribute, nodeTitle } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Draft } from '../draft.ts';
import { reducedProduct } from '../fold/elementwise.ts';
import { reducedMean, reduction } from '../lower/spatial.ts';
import type { Family, Gradient } from '../operator.ts';
import { asInput } from './elementwise.ts';
import { argShape, reducedAxes, reducedShape } from './reduced-axes.ts';

/** `value`, of the shape of y, with the reduced axes back as ones; and how many elements of x went into one of y. */
function unreduced(c: Draft, node: Node, value: string): { readonly value: string; readonly count: number } {
  const shape = c.shape(node.inputs[0] as string);
  const axes = reducedAxes(node, shape, c);
  if (axes === null) throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} reduces axes that depend on data`);
  const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return { value: c.reshape(value, kept), count: axes.reduce((product, axis) => product * (shape[axis] as number), 1) };
}

/** One gradient for x, none for an input of axes. */
function onlyFirst(node: Node, dx: string): readonly (string | null)[] {
  return node.inputs.map((_, index) => (index === 0 ? dx : null));
}

/** y = max x or min x over axes:  dx = dy·[x = y] / number of elements that reach y. */
const extreme: Gradient = (c, node, dy) => {
  const [x] = node.inputs as readonly [string];
  const axes = reducedAxes(node, c.shape(x), c) as readonly number[];
  const y = unreduced(c, node, node.outputs[0] as string).value;
  return onlyFirst(node, sharedExtreme(c, x, y, unreduced(c, node, dy).value, axes));
};

/** dy·[x = y] / number of elements that reach y along the axes, which y and dy have as ones. */
export function sharedExtreme(c: Draft, x: string, y: string, dy: string, axes: readonly number[]): string {
  const hit = c.where(c.emit('Equal', [x, y]), 1, 0);
  return c.mul(hit, c.div(dy, c.sum(hit, axes, true)));
}

/** y = Π x:  dx = dy·(product of the others): P/x without zeros, P at a single zero, else 0; P is the product of what is not zero. */
const product: Gradient = (c, node, dy) => {
  const [x, ...axes] = node.inputs as readonly [string, string?];
  const isZero = c.emit('Equal', [x, 0]);
  const rest = c.where(isZero, 1, x);
  const whole = unreduced(c, node, c.emit('ReduceProd', [rest, ...(axes as readonly string[])], node.attributes)).value;
  const over = reducedAxes(node, c.shape(x), c) as readonly number[];
  const zeros = c.sum(c.where(isZero, 1, 0), over, true);
  const others = c.where(isZero, c.where(c.less(zeros, 1.5), whole, 0), c.where(c.less(zeros, 0.5), c.div(whole, rest), 0));
  return onlyFirst(node, c.mul(unreduced(c, node, dy).value, others));
};

/** y = Σ x:  dx = dy. */
const sum: Gradient = (c, node, dy) => onlyFirst(node, unreduced(c, node, dy).value);

/** y = Σ x / n:  dx = dy/n. */
const mean: Gradient = (c, node, dy) => {
  const { value, count } = unreduced(c, node, dy);
  return onlyFirst(node, c.mul(value, 1 / count));
};

/** y = Σ x²:  dx = 2·dy·x. */
const sumOfSquares: Gradient = (c, node, dy) => onlyFirst(node, c.mul(c.mul(unreduced(c, node, dy).value, 2), node.inputs[0] as string));

/** y = Σ |x|:  dx = dy·sign x. */
const l1: Gradient = (c, node, dy) => onlyFirst(node, c.mul(unreduced(c, node, dy).value, c.emit('Sign', [node.inputs[0] as string])));

/** y = √Σ x²:  dx = dy·x/y, and 0 where y = 0. */
const l2: Gradient = (c, node, dy) => {
  const y = node.outputs[0] as string;
  const share = c.where(c.greater(y, 0), c.div(dy, y), 0);
  return onlyFirst(node, c.mul(unreduced(c, node, share).value, node.inputs[0] as string));
};

/** y = ln Σ x:  dx = dy/eʸ. */
const logSum: Gradient = (c, node, dy) => onlyFirst(node, unreduced(c, node, c.div(dy, c.exp(node.outputs[0] as string))).value);

/** y = ln Σ eˣ:  dx = dy·e^(x − y). */
const logSumExp: Gradient = (c, node, dy) => {
  const away = c.sub(node.inputs[0] as string, unreduced(c, node, node.outputs[0] as string).value);
  return onlyFirst(node, c.mul(unreduced(c, node, dy).value, c.exp(away)));
};

/** yᵢ = Σ xⱼ over j ≤ i (or ≥, or without i itself):  dx = the running sum of dy from the other end. */
const runningSum: Gradient = (c, node, dy) => {
  const backwards = intAttribute(node, 'reverse', 0) === 0 ? 1 : 0;
  return [c.emit('CumSum', [dy, node.inputs[1] as string], { ...node.attributes, reverse: backwards }), null];
};

export const reductions: Family = {
  ReduceSum: { shape: reducedShape, gradient: sum, lower: reduction },
  ReduceMean: { shape: reducedShape, gradient: mean, lower: reducedMean },
  ReduceSumSquare: { shape: reducedShape, gradient: sumOfSquares, lower: reduction },
  ReduceL1: { shape: reducedShape, gradient: l1 },
  ReduceL2: { shape: reducedShape, gradient: l2 },
  ReduceLogSum: { shape: reducedShape, gradient: logSum },
  ReduceLogSumExp: { shape: reducedShape, gradient: logSumExp },
  ReduceProd: { shape: reducedShape, gradient: product, fold: reducedProduct },
  ReduceMax: { shape: reducedShape, gradient: extreme, lower: reduction },
  ReduceMin: { shape: reducedShape, gradient: extreme, lower: reduction },
  ArgMax: { shape: argShape },
  ArgMin: { shape: argShape },
  CumSum: { shape: asInput, gradient: runningSum },
};
