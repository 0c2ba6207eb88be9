// Elementwise arithmetic. Inputs may broadcast: each gradient has the shape of y, and the walker sums.
import { ceil, difference, floor, larger, modulo, negative, product, quotient, root, smaller, total } from '../fold/elementwise.ts';
import { clip as loweredClip } from '../lower/gradients.ts';
import type { Family, Gradient } from '../operator.ts';
import { broadcasting, unary } from './elementwise.ts';

/** Every input of a sum receives dy. */
const sum: Gradient = (_c, node, dy) => node.inputs.map(() => dy);

/** No gradient for any input. */
const flat: Gradient = (_c, node) => node.inputs.map(() => null);

/** y = x^w:  dx = dy·w·x^(w−1), and 0 where w = 0;  dw = dy·y·ln x, and 0 where x ≤ 0. An integer exponent has no gradient. */
const pow: Gradient = (c, node, dy) => {
  const [x, w] = node.inputs as readonly [string, string];
  const [y] = node.outputs as readonly [string];
  const exponent = c.known(w);
  if (exponent?.data.length === 1 && Number(exponent.data[0]) === 2) return [c.mul(dy, c.mul(x, 2)), null];
  const isReal = c.dtypeOf(w) === c.dtype;
  const real = isReal ? w : c.emit('Cast', [w], { to: c.dtype === 'float32' ? 1 : 11 });
  const slope = c.mul(real, c.emit('Pow', [x, c.sub(real, 1)]));
  // Where w = 0 and x = 0 the product is 0·∞. An exponent that is known to be another needs no such care.
  const isNeverZero = exponent !== null && Array.from(exponent.data as Float32Array).every((each) => Number(each) !== 0);
  const dx = c.mul(dy, isNeverZero ? slope : c.where(c.emit('Equal', [real, 0]), 0, slope));
  if (!isReal) return [dx, null];
  const positive = c.greater(x, 0);
  const logarithm = c.emit('Log', [c.where(positive, x, 1)]);
  return [dx, c.mul(dy, c.where(positive, c.mul(y, logarithm), 0))];
};

/** y = max(xᵢ) or min(xᵢ):  dxᵢ = dy·[xᵢ = y] / number of inputs that reach y, so that ties share. */
const extreme: Gradient = (c, node, dy) => {
  const [y] = node.outputs as readonly [string];
  if (node.inputs.length === 1) return [dy];
  const hits = node.inputs.map((x) => c.where(c.emit('Equal', [x, y]), 1, 0));
  const share = c.div(
    dy,
    hits.reduce((total, hit) => c.plus(total, hit)),
  );
  return hits.map((hit) => c.mul(share, hit));
};

/** y = clip(x, lo, hi):  dx = dy·[lo ≤ x ≤ hi];  none for the limits. */
const clip: Gradient = (c, node, dy) => {
  const [x, low, high] = node.inputs as readonly [string, string?, string?];
  const aboveLow = low ? c.emit('GreaterOrEqual', [x, low]) : null;
  const belowHigh = high ? c.emit('LessOrEqual', [x, high]) : null;
  const inside = aboveLow !== null && belowHigh !== null ? c.emit('And', [aboveLow, belowHigh]) : (aboveLow ?? belowHigh);
  const dx = inside === null ? dy : c.where(inside, dy, 0);
  return node.inputs.map((_, index) => (index === 0 ? dx : null));
};

export const arithmetic: Family = {
  Add: broadcasting(sum, { fold: total, inPlace: true }),
  Sum: broadcasting(sum),

  /** y = (Σ xᵢ)/n:  dxᵢ = dy/n. */
  Mean: broadcasting((c, node, dy) => {
    const dx = c.mul(dy, 1 / node.inputs.length);
    return node.inputs.map(() => dx);
  }),

  /** y = x − w:  dx = dy,  dw = −dy. */
  Sub: broadcasting((c, _node, dy) => [dy, c.neg(dy)], { fold: difference, inPlace: true }),

  /** y = x·w:  dx = dy·w,  dw = dy·x. */
  Mul: broadcasting((c, { inputs: [x = '', w = ''] }, dy) => [c.mul(dy, w), c.mul(dy, x)], { fold: product, inPlace: true }),

  /** y = x/w:  dx = dy/w,  dw = −dy·y/w. */
  Div: broadcasting(
    (c, { inputs: [, w = ''], outputs: [y = ''] }, dy) => {
      const dx = c.div(dy, w);
      return [dx, c.neg(c.mul(dx, y))];
    },
    { fold: quotient, inPlace: true },
  ),

  /** y = −x:  dx = −dy. */
  Neg: unary((c, _node, dy) => [c.neg(dy)], { fold: negative, inPlace: true }),

  /** y = |x|:  dx = dy·sign x. */
  Abs: unary((c, { inputs: [x = ''] }, dy) => [c.mul(dy, c.emit('Sign', [x]))], { inPlace: true }),

  Pow: broadcasting(pow),

  /** y = √x:  dx = dy/(2y). */
  Sqrt: unary((c, { outputs: [y = ''] }, dy) => [c.div(dy, c.mul(y, 2))], { fold: root, inPlace: true }),

  /** y = eˣ:  dx = dy·y. */
  Exp: unary((c, { outputs: [y = ''] }, dy) => [c.mul(dy, y)], { inPlace: true }),

  /** y = ln x:  dx = dy/x. */
  Log: unary((c, { inputs: [x = ''] }, dy) => [c.div(dy, x)]),

  /** y = 1/x:  dx = −dy·y². */
  Reciprocal: unary((c, { outputs: [y = ''] }, dy) => [c.neg(c.mul(dy, c.mul(y, y)))], { inPlace: true }),

  /** y = sin x:  dx = dy·cos x. */
  Sin: unary((c, { inputs: [x = ''] }, dy) => [c.mul(dy, c.emit('Cos', [x]))]),

  /** y = cos x:  dx = −dy·sin x. */
  Cos: unary((c, { inputs: [x = ''] }, dy) => [c.neg(c.mul(dy, c.emit('Sin', [x])))]),

  /** y = tan x:  dx = dy·(1 + y²). */
  Tan: unary((c, { outputs: [y = ''] }, dy) => [c.mul(dy, c.plus(c.mul(y, y), 1))]),

  /** y = arcsin x:  dx = dy/√(1 − x²);  y = arccos x:  dx = −dy/√(1 − x²). */
  Asin: unary((c, { inputs: [x = ''] }, dy) => [c.div(dy, c.emit('Sqrt', [c.sub(1, c.mul(x, x))]))]),
  Acos: unary((c, { inputs: [x = ''] }, dy) => [c.neg(c.div(dy, c.emit('Sqrt', [c.sub(1, c.mul(x, x))])))]),

  /** y = arctan x:  dx = dy/(1 + x²). */
  Atan: unary((c, { inputs: [x = ''] }, dy) => [c.div(dy, c.plus(c.mul(x, x), 1))]),

  /** y = sinh x:  dx = dy·cosh x;  y = cosh x:  dx = dy·sinh x. */
  Sinh: unary((c, { inputs: [x = ''] }, dy) => [c.mul(dy, c.emit('Cosh', [x]))]),
  Cosh: unary((c, { inputs: [x = ''] }, dy) => [c.mul(dy, c.emit('Sinh', [x]))]),

  /** y = arsinh x:  dx = dy/√(x² + 1);  y = arcosh x:  dx = dy/√(x² − 1);  y = artanh x:  dx = dy/(1 − x²). */
  Asinh: unary((c, { inputs: [x = ''] }, dy) => [c.div(dy, c.emit('Sqrt', [c.plus(c.mul(x, x), 1)]))]),
  Acosh: unary((c, { inputs: [x = ''] }, dy) => [c.div(dy, c.emit('Sqrt', [c.sub(c.mul(x, x), 1)]))]),
  Atanh: unary((c, { inputs: [x = ''] }, dy) => [c.div(dy, c.sub(1, c.mul(x, x)))]),

  /** y = x mod w:  dx = dy,  dw = −dy·(x − y)/w. */
  Mod: broadcasting((c, { inputs: [x = '', w = ''], outputs: [y = ''] }, dy) => [dy, c.neg(c.mul(dy, c.div(c.sub(x, y), w)))], {
    fold: modulo,
  }),

  /** Steps: flat almost everywhere, so nothing comes back. (Fake quantization has its own rule: straight through.) */
  Floor: unary(flat, { fold: floor }),
  Ceil: unary(flat, { fold: ceil }),
  Round: unary(flat),
  Sign: unary(flat),

  Max: broadcasting(extreme, { fold: larger }),
  Min: broadcasting(extreme, { fold: smaller }),
  Clip: unary(clip, { loweredGradient: loweredClip, inPlace: true }),
};
