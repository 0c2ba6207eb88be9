// ONNX operators as TensorFlow.js operators, which bring gradients of their own. One table; an operator that is not in it is refused by name
// before anything is trained. Opset 13 semantics or newer, as every float tail has after it was modernized.

import { mergeFamilies } from '../../autodiff/families.ts';
import { floatAttribute, intAttribute, normalAxis, stringAttribute } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import { axesOf, broadcast, type Call, input, type Operator, refuse, stretched } from './call.ts';
import { imageOperators } from './images.ts';
import type { TensorFlow, TfTensor } from './load.ts';
import { movementOperators } from './movement.ts';

const unary = (apply: (tf: TensorFlow, x: TfTensor, node: Node) => TfTensor): Operator => {
  return ({ tf, x, node }) => apply(tf, x, node);
};
const binary = (apply: (tf: TensorFlow, a: TfTensor, b: TfTensor) => TfTensor): Operator => {
  return (call) => call.inputs.slice(1).reduce<TfTensor>((a, _, at) => apply(call.tf, a, input(call, at + 1)), call.x);
};

const alike = (apply: (tf: TensorFlow, a: TfTensor, b: TfTensor) => TfTensor) =>
  binary((tf, a, b) => apply(tf, ...(stretched(tf, [a, b]) as [TfTensor, TfTensor])));

const hardSigmoid = (tf: TensorFlow, x: TfTensor, alpha: number, beta: number) => tf.clipByValue(tf.add(tf.mul(x, alpha), beta), 0, 1);
const gelu = unary((tf, x, node) => {
  if (stringAttribute(node, 'approximate', 'none') === 'tanh') return tanhGelu(tf, x);
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1));
});
const tanhGelu = (tf: TensorFlow, x: TfTensor) => {
  const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.mul(x, x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
};

const elementwiseOperators: Readonly<Record<string, Operator>> = {
  Identity: unary((_tf, x) => x),
  Dropout: unary((_tf, x) => x),
  Relu: unary((tf, x) => tf.relu(x)),
  LeakyRelu: unary((tf, x, node) => tf.leakyRelu(x, floatAttribute(node, 'alpha', 0.01))),
  PRelu: (call) => call.tf.prelu(call.x, input(call, 1)),
  Elu: unary((tf, x, node) => {
    const below = tf.mul(tf.sub(tf.exp(tf.minimum(x, 0)), 1), floatAttribute(node, 'alpha', 1));
    return tf.add(tf.relu(x), below);
  }),
  Selu: unary((tf, x) => tf.selu(x)),
  Sigmoid: unary((tf, x) => tf.sigmoid(x)),
  HardSigmoid: unary((tf, x, node) => hardSigmoid(tf, x, floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5))),
  HardSwish: unary((tf, x) => tf.mul(x, hardSigmoid(tf, x, 1 / 6, 0.5))),
  Tanh: unary((tf, x) => tf.tanh(x)),
  Softplus: unary((tf, x) => tf.softplus(x)),
  Softsign: unary((tf, x) => tf.div(x, tf.add(tf.abs(x), 1))),
  Mish: unary((tf, x) => tf.mul(x, tf.tanh(tf.softplus(x)))),
  Gelu: gelu,
  'com.microsoft:Gelu': gelu,
  'com.microsoft:FastGelu': (call) => tanhGelu(call.tf, call.inputs[1] == null ? call.x : call.tf.add(call.x, input(call, 1))),
  'com.microsoft:QuickGelu': unary((tf, x, node) => tf.mul(x, tf.sigmoid(tf.mul(x, floatAttribute(node, 'alpha', 1.702))))),
  Erf: unary((tf, x) => tf.erf(x)),
  Exp: unary((tf, x) => tf.exp(x)),
  Log: unary((tf, x) => tf.log(x)),
  Sqrt: unary((tf, x) => tf.sqrt(x)),
  Reciprocal: unary((tf, x) => tf.reciprocal(x)),
  Neg: unary((tf, x) => tf.neg(x)),
  Abs: unary((tf, x) => tf.abs(x)),
  Sin: unary((tf, x) => tf.sin(x)),
  Cos: unary((tf, x) => tf.cos(x)),
  Clip: (call) => {
    const limit = (at: number, name: string) =>
      call.inputs[at] ?? call.tf.scalar(floatAttribute(call.node, name, name === 'min' ? -3.4e38 : 3.4e38));
    return call.tf.minimum(call.tf.maximum(call.x, limit(1, 'min')), limit(2, 'max'));
  },
  Cast: ({ tf, x, node }) => {
    const type = ({ 1: 'float32', 6: 'int32', 7: 'int32', 9: 'bool' } as const)[intAttribute(node, 'to', 1)];
    return type === undefined ? refuse(node, `a cast to type ${intAttribute(node, 'to', 1)}`) : tf.cast(x, type);
  },
  Add: binary((tf, a, b) => tf.add(a, b)),
  Sum: binary((tf, a, b) => tf.add(a, b)),
  Sub: binary((tf, a, b) => tf.sub(a, b)),
  Mul: binary((tf, a, b) => tf.mul(a, b)),
  Div: binary((tf, a, b) => tf.div(a, b)),
  Max: alike((tf, a, b) => tf.maximum(a, b)),
  Min: alike((tf, a, b) => tf.minimum(a, b)),
  Mean: (call) =>
    call.tf.div(
      call.inputs.map((_, at) => input(call, at)).reduce((a, b) => call.tf.add(a, b)),
      call.inputs.length,
    ),
  /** A square is a product: TensorFlow.js takes logarithms of the base, which have no gradient below zero. */
  Pow: (call) => {
    const exponent = input(call, 1);
    const isSquare = exponent.size === 1 && exponent.dataSync()[0] === 2;
    return isSquare ? call.tf.square(call.x) : call.tf.pow(call.x, exponent);
  },
  Where: (call) => {
    const [condition, a, b] = stretched(call.tf, [call.x, input(call, 1), input(call, 2)]) as [TfTensor, TfTensor, TfTensor];
    return call.tf.where(call.tf.cast(condition, 'bool'), a, b);
  },
  Greater: binary((tf, a, b) => tf.greater(a, b)),
  GreaterOrEqual: binary((tf, a, b) => tf.greaterEqual(a, b)),
  Less: binary((tf, a, b) => tf.less(a, b)),
  LessOrEqual: binary((tf, a, b) => tf.lessEqual(a, b)),
  Equal: binary((tf, a, b) => tf.equal(a, b)),
  And: binary((tf, a, b) => tf.logicalAnd(a, b)),
  Or: binary((tf, a, b) => tf.logicalOr(a, b)),
  Not: unary((tf, x) => tf.logicalNot(x)),
};

/** Matrices over leading axes that are equal: TensorFlow.js multiplies broadcast ones, but does not sum their gradients. */
function matMul(tf: TensorFlow, a: TfTensor, b: TfTensor): TfTensor {
  if (a.rank === 1) {
    const product = matMul(tf, tf.expandDims(a, 0), b);
    return tf.squeeze(product, [b.rank === 1 ? 0 : b.rank - 2]);
  }
  if (b.rank === 1) return tf.squeeze(matMul(tf, a, tf.expandDims(b, 1)), [a.rank - 1]);
  if (a.rank === 2 && b.rank === 2) return tf.matMul(a, b);
  const [rows, inner] = a.shape.slice(-2) as [number, number];
  const columns = b.shape.at(-1) as number;
  if (b.rank === 2) return tf.reshape(tf.matMul(tf.reshape(a, [-1, inner]), b), [...a.shape.slice(0, -1), columns]);
  const outer = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const stacked = (x: TfTensor) => tf.reshape(tf.broadcastTo(x, [...outer, ...x.shape.slice(-2)]), [-1, ...x.shape.slice(-2)]);
  return tf.reshape(tf.matMul(stacked(a), stacked(b)), [...outer, rows, columns]);
}

function lastAxis(call: Call, apply: (x: TfTensor) => TfTensor): TfTensor {
  const { tf, x, node } = call;
  const axis = normalAxis(intAttribute(node, 'axis', -1), x.rank);
  if (axis === x.rank - 1) return apply(x);
  const perm = x.shape.map((_, at) => (at === axis ? x.rank - 1 : at === x.rank - 1 ? axis : at));
  return tf.transpose(apply(tf.transpose(x, perm)), perm);
}

type Reduction = (tf: TensorFlow, x: TfTensor, axes: number[], keep: boolean) => TfTensor;
const reduction = (apply: Reduction): Operator => {
  return (call) => {
    const axes = axesOf(call, 1) ?? [];
    if (axes.length === 0 && intAttribute(call.node, 'noop_with_empty_axes', 0) !== 0) return call.x;
    const all = axes.length === 0 ? call.x.shape.map((_, axis) => axis) : [...axes];
    return apply(call.tf, call.x, all, intAttribute(call.node, 'keepdims', 1) !== 0);
  };
};

const linearOperators: Readonly<Record<string, Operator>> = {
  MatMul: (call) => matMul(call.tf, call.x, input(call, 1)),
  /** α·A·B + β·C */
  Gemm: (call) => {
    const { tf, node, x } = call;
    const product = tf.matMul(
      x as never,
      input(call, 1) as never,
      intAttribute(node, 'transA', 0) !== 0,
      intAttribute(node, 'transB', 0) !== 0,
    );
    const scaled = tf.mul(product, floatAttribute(node, 'alpha', 1));
    return call.inputs[2] == null ? scaled : tf.add(scaled, tf.mul(input(call, 2), floatAttribute(node, 'beta', 1)));
  },
  Softmax: (call) => lastAxis(call, (x) => call.tf.softmax(x)),
  LogSoftmax: (call) => lastAxis(call, (x) => call.tf.logSoftmax(x)),
  ReduceMean: reduction((tf, x, axes, keep) => tf.mean(x, axes, keep)),
  ReduceSum: reduction((tf, x, axes, keep) => tf.sum(x, axes, keep)),
  ReduceMax: reduction((tf, x, axes, keep) => tf.max(x, axes, keep)),
  ReduceMin: reduction((tf, x, axes, keep) => tf.min(x, axes, keep)),
  LayerNormalization: (call) => {
    const { tf, node, x } = call;
    const first = normalAxis(intAttribute(node, 'axis', -1), x.rank);
    const { mean, variance } = tf.moments(
      x,
      x.shape.flatMap((_, axis) => (axis < first ? [] : [axis])),
      true,
    );
    const normal = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, floatAttribute(node, 'epsilon', 1e-5))));
    const scaled = tf.mul(normal, input(call, 1));
    return call.inputs[2] == null ? scaled : tf.add(scaled, input(call, 2));
  },
};

export const operators: ReadonlyMap<string, Operator> = mergeFamilies('TensorFlow.js operators', [
  elementwiseOperators,
  linearOperators,
  imageOperators,
  movementOperators,
]);
