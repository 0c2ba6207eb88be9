// Activation functions, with ONNX's default parameters. The gradient of each is dx = dy·f′(x), written from x or from y, whichever is cheaper.
import { WhetError } from '../../errors.ts';
import { floatAttribute, nodeTitle, stringAttribute } from '../../onnx/attributes.ts';
import type { Draft, Operand } from '../draft.ts';
import { relu as loweredRelu } from '../lower/gradients.ts';
import type { Family, Gradient } from '../operator.ts';
import { broadcasting, unary } from './elementwise.ts';

/** A rule for an operator of one input whose derivative `slope` is an elementwise expression. */
function from(slope: (c: Draft, x: string, y: string, parameter: (name: string, fallback: number) => number) => Operand): Gradient {
  return (c, node, dy) => {
    const [[x = ''], [y = '']] = [node.inputs, node.outputs];
    const dx = c.mul(
      dy,
      slope(c, x, y, (name, fallback) => floatAttribute(node, name, fallback)),
    );
    return node.inputs.map((_, index) => (index === 0 ? dx : null));
  };
}

const sigmoid = (c: Draft, x: Operand) => c.emit('Sigmoid', [x]);
/** e^min(x, 0): the exponential of the negative side only, so that the other side cannot overflow. */
const expNegative = (c: Draft, x: Operand) => c.exp(c.emit('Min', [x, 0]));

/** f = x·Φ(x):  f′ = Φ(x) + x·φ(x),  Φ(x) = (1 + erf(x/√2))/2,  φ(x) = e^(−x²/2)/√(2π). */
function gelu(c: Draft, x: string): string {
  const cumulative = c.mul(c.plus(c.emit('Erf', [c.mul(x, Math.SQRT1_2)]), 1), 0.5);
  const density = c.mul(c.exp(c.mul(c.mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return c.plus(cumulative, c.mul(x, density));
}

/** f = x/2·(1 + t),  t = tanh(a·(x + b·x³)):  f′ = (1 + t)/2 + x/2·(1 − t²)·a·(1 + 3b·x²),  a = √(2/π), b = 0.044715. */
function geluTanh(c: Draft, x: string): string {
  const [a, b] = [Math.sqrt(2 / Math.PI), 0.044715];
  const square = c.mul(x, x);
  const t = c.emit('Tanh', [c.mul(c.mul(x, a), c.plus(c.mul(square, b), 1))]);
  const inner = c.plus(c.mul(square, 3 * a * b), a);
  return c.mul(c.plus(c.plus(t, 1), c.mul(c.mul(x, inner), c.sub(1, c.mul(t, t)))), 0.5);
}

/** f = x·s,  s = σ(αx):  f′ = s + αy·(1 − s). */
const swish = (fallback: number): Gradient =>
  from((c, x, y, p) => {
    const alpha = p('alpha', fallback);
    const s = sigmoid(c, c.mul(x, alpha));
    return c.plus(s, c.mul(c.mul(y, alpha), c.sub(1, s)));
  });

/** Gelu of ai.onnx says by attribute whether it is the exact or the tanh form. */
const geluByAttribute: Gradient = (c, node, dy) => {
  const form = stringAttribute(node, 'approximate', 'none');
  return from(form === 'tanh' ? geluTanh : gelu)(c, node, dy, [dy]);
};

/** y = geluTanh(x + b), b optional:  db = dx (the walker sums). */
const fastGelu: Gradient = (c, node, dy) => {
  const [x, b] = node.inputs as readonly [string, string?];
  const dx = c.mul(dy, geluTanh(c, b ? c.plus(x, b) : x));
  return node.inputs.map((name) => (name === '' ? null : dx));
};

/** y = x where x ≥ 0, else w·x:  dx = dy·(x ≥ 0 ? 1 : w),  dw = dy·min(x, 0). */
const pRelu: Gradient = (c, { inputs: [x = '', w = ''] }, dy) => [c.mul(dy, c.where(c.less(x, 0), w, 1)), c.mul(dy, c.emit('Min', [x, 0]))];

/** Inference only, where it is the identity:  dx = dy. */
const dropout: Gradient = (c, node, dy) => {
  const training = node.inputs[2] ? c.known(node.inputs[2]) : null;
  if (node.inputs[2] && (training === null || training.data[0] !== 0)) {
    throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} drops at random, as in training`, {
      hint: 'Export the model for inference (in PyTorch: model.eval()).',
    });
  }
  return node.inputs.map((_, index) => (index === 0 ? dy : null));
};

export const activations: Family = {
  /** f = max(x, 0):  dx = dy·[x > 0]. */
  Relu: unary((c, { inputs: [x = ''] }, dy) => [c.where(c.greater(x, 0), dy, 0)], { loweredGradient: loweredRelu, inPlace: true }),

  /** f = x, or αx below 0:  f′ = 1, or α. */
  LeakyRelu: unary(from((c, x, _y, p) => c.where(c.less(x, 0), p('alpha', 0.01), 1))),

  PRelu: broadcasting(pRelu),

  /** f = x, or α(eˣ − 1) below 0:  f′ = 1, or αeˣ. */
  Elu: unary(from((c, x, _y, p) => c.where(c.less(x, 0), c.mul(expNegative(c, x), p('alpha', 1)), 1))),

  /** f = γx, or γα(eˣ − 1) at and below 0:  f′ = γ, or γαeˣ. */
  Selu: unary(
    from((c, x, _y, p) => {
      const [alpha, gamma] = [p('alpha', 1.6732632423543772), p('gamma', 1.0507009873554805)];
      return c.where(c.greater(x, 0), gamma, c.mul(expNegative(c, x), alpha * gamma));
    }),
  ),

  /** f = max(x, 0) + min(0, α(e^(x/α) − 1)):  f′ = 1, or e^(x/α) below 0. */
  Celu: unary(from((c, x, _y, p) => expNegative(c, c.mul(x, 1 / p('alpha', 1))))),

  /** f = x where x > α, else 0:  f′ = [x > α]. */
  ThresholdedRelu: unary(from((c, x, _y, p) => c.where(c.greater(x, p('alpha', 1)), 1, 0))),

  /** f = σ(x):  f′ = y(1 − y). */
  Sigmoid: unary(
    from((c, _x, y) => c.mul(y, c.sub(1, y))),
    { inPlace: true },
  ),

  /** f = clip(αx + β, 0, 1):  f′ = α where 0 < y < 1. */
  HardSigmoid: unary(
    from((c, _x, y, p) => {
      return c.where(c.emit('And', [c.greater(y, 0), c.less(y, 1)]), p('alpha', 0.2), 0);
    }),
    { inPlace: true },
  ),

  /** f = x·h,  h = clip(x/6 + 1/2, 0, 1):  f′ = h + x/6·[0 < h < 1]. */
  HardSwish: unary(
    from((c, x) => {
      const h = c.emit('Min', [c.emit('Max', [c.plus(c.mul(x, 1 / 6), 0.5), 0]), 1]);
      const inside = c.emit('And', [c.greater(h, 0), c.less(h, 1)]);
      return c.plus(h, c.where(inside, c.mul(x, 1 / 6), 0));
    }),
    { inPlace: true },
  ),

  /** f = x·s,  s = σ(αx):  f′ = s + αx·s·(1 − s). */
  Swish: unary(swish(1)),

  /** f = x + bias below −λ, x − bias above λ, else 0:  f′ = [|x| > λ]. */
  Shrink: unary(from((c, x, _y, p) => c.where(c.greater(c.emit('Abs', [x]), p('lambd', 0.5)), 1, 0))),

  /** f = tanh x:  f′ = 1 − y². */
  Tanh: unary(
    from((c, _x, y) => c.sub(1, c.mul(y, y))),
    { inPlace: true },
  ),

  /** f = ln(1 + eˣ):  f′ = σ(x). */
  Softplus: unary(
    from((c, x) => sigmoid(c, x)),
    { inPlace: true },
  ),

  /** f = x/(1 + |x|):  f′ = (1 − |y|)². */
  Softsign: unary(
    from((c, _x, y) => {
      const rest = c.sub(1, c.emit('Abs', [y]));
      return c.mul(rest, rest);
    }),
  ),

  /** f = erf x:  f′ = 2/√π·e^(−x²). */
  Erf: unary(
    from((c, x) => c.mul(c.exp(c.neg(c.mul(x, x))), 2 / Math.sqrt(Math.PI))),
    { inPlace: true },
  ),

  Gelu: unary(geluByAttribute),
  'com.microsoft:Gelu': unary(from(gelu)),
  'com.microsoft:FastGelu': unary(fastGelu),

  'com.microsoft:QuickGelu': unary(swish(1.702)),

  /** f = x·t,  t = tanh(ln(1 + eˣ)):  f′ = t + x·(1 − t²)·σ(x). */
  Mish: unary(
    from((c, x) => {
      const t = c.emit('Tanh', [c.emit('Softplus', [x])]);
      return c.plus(t, c.mul(c.mul(x, sigmoid(c, x)), c.sub(1, c.mul(t, t))));
    }),
  ),

  /** Inference only, where it is the identity. */
  Dropout: unary(dropout),
};
