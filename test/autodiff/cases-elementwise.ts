// Cases of arithmetic, activations and choices.

import type { Tensor } from '../../agent/onnx/ir.ts';
import { attr, floats, ints } from '../../agent/onnx/made/build.ts';
import { awayFromZero, between, type Case, type Input, makeCase, values } from './case.ts';
import type { Random } from './random.ts';
import { type Tf, tf } from './tensorflow.ts';

type MakeCase = (r: Random) => Case;
type Binary = (a: Tf, b: Tf) => Tf;
type Unary = (x: Tf) => Tf;

function operands(r: Random, count: number): readonly Input[] {
  const full = r.shape();
  return Array.from({ length: count }, (_, index) => values(r, index === 0 ? full : r.broadcastable(full), 0.02 + 0.03 * index));
}

function binary(op: string, tensorflow: Binary): MakeCase {
  return (r) => {
    const pair = operands(r, 2);
    return makeCase(op, r.flag() ? pair : [...pair].reverse(), { tensorflow: tensorflow as never });
  };
}

function unary(op: string, tensorflow?: Unary, options: { readonly double?: boolean; readonly opset?: number } = {}): MakeCase {
  return (r) => makeCase(op, [values(r, r.shape())], { ...options, ...(tensorflow === undefined ? {} : { tensorflow }) });
}

/** Several inputs of broadcasting shapes, the first of the full shape. TensorFlow.js gets them all in that shape: its maximum does not sum. */
function many(op: string, tensorflow: (list: readonly Tf[]) => Tf, double = true): MakeCase {
  return (r) => {
    const full = (...list: Tf[]) => list.map((x) => tf.broadcastTo(x, list[0]?.shape as never));
    return makeCase(op, operands(r, r.int(1, 3)), { tensorflow: (...list) => tensorflow(full(...list)), double });
  };
}

const sumOf = (list: readonly Tf[]) => list.reduce((a, b) => tf.add(a, b));

/** A 0-dimensional limit of a Clip, on an eighth; the case's values never are. */
const limit = (value: number): Tensor => floats([], [value]);

/** Functions without kinks between −1 and 1. */
const smooth = (
  [
    ['Tan', tf.tan],
    ['Asin', tf.asin],
    ['Acos', tf.acos],
    ['Atan', tf.atan],
    ['Sinh', tf.sinh],
    ['Cosh', tf.cosh],
    ['Asinh', tf.asinh],
    ['Atanh', tf.atanh],
  ] as const
).map(([op, tensorflow]): [string, MakeCase] => [
  op,
  (r) => makeCase(op, [between(r, r.shape(), -0.8, 0.8)], { tensorflow: tensorflow as Unary, double: false }),
]);

export const arithmeticCases: Readonly<Record<string, MakeCase>> = {
  Add: binary('Add', tf.add),
  Sub: binary('Sub', tf.sub),
  Mul: binary('Mul', tf.mul),
  Div: (r) => {
    const full = r.shape();
    return makeCase('Div', [values(r, r.flag() ? full : r.broadcastable(full)), awayFromZero(r, full)], { tensorflow: tf.div as never });
  },
  Mod: (r) => {
    const full = r.shape();
    const inputs = [between(r, full, 1.45, 1.8), between(r, r.broadcastable(full), 0.61, 0.69)];
    return makeCase('Mod', inputs, { attributes: { fmod: 1 } });
  },
  Sum: many('Sum', sumOf),
  Mean: many('Mean', (list) => tf.div(sumOf(list), list.length), false),
  Max: many('Max', (list) => list.reduce((a, b) => tf.maximum(a, b))),
  Min: many('Min', (list) => list.reduce((a, b) => tf.minimum(a, b))),
  Neg: unary('Neg', tf.neg),
  Abs: unary('Abs', tf.abs),
  Exp: unary('Exp', tf.exp),
  Sin: unary('Sin', tf.sin),
  Cos: unary('Cos', tf.cos),
  ...Object.fromEntries(smooth),
  Acosh: (r) => makeCase('Acosh', [between(r, r.shape(), 1.2, 3)], { tensorflow: tf.acosh, double: false }),
  // Their gradient is zero wherever the values of a case can be.
  Floor: unary('Floor'),
  Ceil: unary('Ceil'),
  Round: unary('Round'),
  Sign: unary('Sign'),
  Sqrt: (r) => makeCase('Sqrt', [between(r, r.shape(), 0.5, 3)], { tensorflow: tf.sqrt }),
  Log: (r) => makeCase('Log', [between(r, r.shape(), 0.5, 3)], { tensorflow: tf.log }),
  Reciprocal: (r) => makeCase('Reciprocal', [awayFromZero(r, r.shape())], { tensorflow: tf.reciprocal }),
  Pow: (r) => {
    const full = r.shape();
    if (r.flag()) {
      const exponent = r.pick([2, 3]);
      const constants = { w: r.flag() ? ints([exponent], []) : floats([], [exponent]) };
      return makeCase('Pow', [awayFromZero(r, full)], { constants, tensorflow: (x) => tf.pow(x, exponent), double: false });
    }
    const base = between(r, full, 0.5, 2);
    return makeCase('Pow', [base, values(r, r.broadcastable(full))], { tensorflow: tf.pow as never });
  },
  Clip: (r) => {
    const [low, high] = [r.pick([-1, -0.5]), r.pick([0.5, 1.5])];
    const kind = r.int(0, 2);
    const constants: Record<string, Tensor> = kind === 0 ? {} : { low: limit(low), ...(kind === 2 ? { high: limit(high) } : {}) };
    const tensorflow = (x: Tf) => tf.clipByValue(x, kind === 0 ? -1e9 : low, kind === 2 ? high : 1e9);
    return makeCase('Clip', [values(r, r.shape())], { constants, tensorflow, double: false });
  },
  Where: (r) => {
    const full = r.shape();
    const data = Uint8Array.from({ length: full.reduce((a, b) => a * b, 1) }, () => r.int(0, 1));
    const condition: Tensor = { dtype: 'bool', dims: full, data };
    return makeCase('Where', [values(r, r.broadcastable(full)), values(r, full)], {
      constants: { condition },
      names: ['condition', 'x0', 'x1'],
      tensorflow: ((a: Tf, b: Tf) => tf.where(tf.tensor(data, [...full], 'bool'), tf.broadcastTo(a, [...full]), b)) as never,
    });
  },
};

const { relu, sigmoid, tanh, softplus, erf, elu, selu, prelu, leakyRelu } = tf;

function withAttribute(op: string, name: string, choices: readonly number[], tensorflow?: (x: Tf, p: number) => Tf): MakeCase {
  return (r) => {
    const parameter = r.pick(choices);
    const oracle = tensorflow === undefined ? {} : { tensorflow: (x: Tf) => tensorflow(x, parameter) };
    return makeCase(op, [values(r, r.shape())], { attributes: { [name]: attr.float(parameter) }, double: false, ...oracle });
  };
}

const geluTanh = (x: Tf) => {
  const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3))));
  return tf.mul(tf.mul(0.5, x), tf.add(1, tanh(inner)));
};
const geluExact = (x: Tf) => tf.mul(tf.mul(0.5, x), tf.add(1, erf(tf.mul(x, Math.SQRT1_2))));

export const activationCases: Readonly<Record<string, MakeCase>> = {
  Relu: unary('Relu', relu),
  LeakyRelu: withAttribute('LeakyRelu', 'alpha', [0.01, 0.3], (x, p) => leakyRelu(x, p)),
  PRelu: (r) => {
    const full = r.shape(3);
    const slope = values(r, r.pick([full, [full[1] as number, 1], [1]]), 0.05);
    return makeCase('PRelu', [values(r, full), slope], { tensorflow: prelu as never, double: false });
  },
  Elu: (r) => (r.flag() ? withAttribute('Elu', 'alpha', [0.5, 2])(r) : unary('Elu', elu, { double: false })(r)),
  Selu: unary('Selu', selu, { double: false }),
  Celu: withAttribute('Celu', 'alpha', [0.5, 1, 2]),
  ThresholdedRelu: withAttribute('ThresholdedRelu', 'alpha', [0.5, 1]),
  Sigmoid: unary('Sigmoid', sigmoid),
  HardSigmoid: withAttribute('HardSigmoid', 'alpha', [0.25, 0.5], (x, p) => tf.clipByValue(tf.add(tf.mul(x, p), 0.5), 0, 1)),
  HardSwish: (r) => {
    const shape = r.shape();
    return makeCase('HardSwish', [{ ...values(r, shape), values: values(r, shape).values.map((x) => x * 2) }], { double: false });
  },
  Swish: (r) => {
    const alpha = r.pick([1, 1.5]);
    const tensorflow = (x: Tf) => tf.mul(x, sigmoid(tf.mul(x, alpha)));
    return makeCase('Swish', [values(r, r.shape())], { attributes: { alpha: attr.float(alpha) }, tensorflow, opset: 24, double: false });
  },
  Shrink: (r) => {
    const [lambd, bias] = [r.pick([0.5, 1]), r.pick([0, 0.25])];
    return makeCase('Shrink', [values(r, r.shape())], { attributes: { lambd: attr.float(lambd), bias: attr.float(bias) }, double: false });
  },
  Tanh: unary('Tanh', tanh),
  Softplus: unary('Softplus', softplus, { double: false }),
  Softsign: unary('Softsign', (x) => tf.div(x, tf.add(1, tf.abs(x))), { double: false }),
  Erf: unary('Erf', erf, { double: false }),
  Gelu: (r) => {
    const approximate = r.pick(['none', 'tanh']);
    const tensorflow = approximate === 'tanh' ? geluTanh : geluExact;
    return makeCase('Gelu', [values(r, r.shape())], { attributes: { approximate }, tensorflow, opset: 20, double: false });
  },
  'com.microsoft:Gelu': unary('com.microsoft:Gelu', geluExact, { double: false }),
  'com.microsoft:FastGelu': (r) => {
    const width = r.int(1, 4);
    const x = values(r, [r.int(1, 3), width]);
    if (r.flag()) return makeCase('com.microsoft:FastGelu', [x], { tensorflow: geluTanh, double: false });
    const tensorflow = ((a: Tf, b: Tf) => geluTanh(tf.add(a, b))) as never;
    return makeCase('com.microsoft:FastGelu', [x, values(r, [width], 0.06)], { tensorflow, double: false });
  },
  'com.microsoft:QuickGelu': withAttribute('com.microsoft:QuickGelu', 'alpha', [1, 1.702], (x, p) => tf.mul(x, sigmoid(tf.mul(x, p)))),
  Mish: unary('Mish', (x) => tf.mul(x, tanh(softplus(x))), { double: false, opset: 20 }),
  Dropout: (r) => makeCase('Dropout', [values(r, r.shape())], { tensorflow: (x) => tf.mul(x, 1) }),
};
