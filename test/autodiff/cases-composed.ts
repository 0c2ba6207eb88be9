// Cases of operators that enter training as primitive ones: recurrent layers and attention.

import type { Tensor } from '../../agent/onnx/ir.ts';
import { attr, floats } from '../../agent/onnx/made/build.ts';
import { between, type Case, type Input, makeCase, values } from './case.ts';
import type { Random } from './random.ts';
import { type Tf, tf } from './tensorflow.ts';

type MakeCase = (r: Random) => Case;

interface Layer {
  readonly gates: number;
  /** Inputs behind the bias: initial values, and peepholes. */
  readonly states: number;
  readonly activations: readonly (readonly string[])[];
  readonly attributes?: (r: Random) => Readonly<Record<string, number>>;
}

/** Every direction, with and without bias, initial values, lengths and other activations; each output in turn is the first. */
function recurrent(op: string, layer: Layer): MakeCase {
  return (r) => {
    const [time, batch, width, hidden] = [r.int(1, 3), r.int(1, 2), r.int(1, 3), r.int(1, 3)];
    const direction = r.pick(['forward', 'reverse', 'bidirectional']);
    const count = direction === 'bidirectional' ? 2 : 1;
    const part = (dims: readonly number[]) => between(r, dims, -0.8, 0.8);
    const rows = layer.gates * hidden;
    const inputs: Input[] = [part([time, batch, width]), part([count, rows, width]), part([count, rows, hidden])];
    const names = ['x0', 'x1', 'x2'];
    const add = (given: boolean, dims: readonly number[]) => {
      if (given) names.push(`x${inputs.push(part(dims)) - 1}`);
      else names.push('');
    };
    add(r.flag(), [count, 2 * rows]);
    const constants: Record<string, Tensor> = {};
    if (r.flag()) {
      constants.lengths = { dtype: 'int32', dims: [batch], data: new Int32Array(batch).fill(time) };
      names.push('lengths');
    } else names.push('');
    for (let state = 0; state < layer.states; state++) add(r.flag(), [count, batch, hidden]);
    if (op === 'LSTM') add(r.flag(), [count, 3 * hidden]);
    while (names.at(-1) === '') names.pop();
    const activations = r.pick(layer.activations);
    const chosen: Record<string, readonly string[]> =
      activations.length === 0 ? {} : { activations: Array.from({ length: count }, () => activations).flat() };
    const attributes = { hidden_size: hidden, direction, ...chosen, ...layer.attributes?.(r) };
    const options = { attributes, constants, names, double: false };
    const each = makeCase(op, inputs, options);
    // Y, or (with Y left out) the last h, or the last c of an LSTM.
    const outputs = r.pick([['y0'], ['', 'y0'], ...(op === 'LSTM' ? [['', '', 'y0']] : [])]);
    return { ...each, node: { ...each.node, outputs } };
  };
}

function softmaxAttention(q: Tf, k: Tf, v: Tf, scale: number, mask: Tf): Tf {
  const scores = tf.add(tf.mul(tf.matMul(q as never, k as never, false, true), scale), mask);
  return tf.matMul(tf.softmax(scores) as never, v as never);
}

export const composedCases: Readonly<Record<string, MakeCase>> = {
  CastLike: (r) =>
    makeCase('CastLike', [values(r, r.shape())], {
      constants: { like: floats([2], 1) },
      names: ['x0', 'like'],
      tensorflow: (x) => tf.mul(x, 1),
    }),
  LSTM: recurrent('LSTM', { gates: 4, states: 2, activations: [[], ['Sigmoid', 'Softsign', 'Tanh'], ['Sigmoid', 'Tanh', 'Softsign']] }),
  GRU: recurrent('GRU', {
    gates: 3,
    states: 1,
    activations: [[], ['Sigmoid', 'Softsign']],
    attributes: (r) => ({ linear_before_reset: r.int(0, 1) }),
  }),
  RNN: recurrent('RNN', { gates: 1, states: 1, activations: [[], ['Sigmoid'], ['Softsign']] }),
  Attention: (r) => {
    const [batch, length, keys, width, inner] = [r.int(1, 2), r.int(1, 3), r.int(1, 3), r.int(1, 3), r.int(1, 3)];
    const shared = r.int(1, 2);
    const heads = shared * r.int(1, 2);
    const isFlat = r.flag();
    const dims = (count: number, n: number, each: number) => (isFlat ? [batch, n, count * each] : [batch, count, n, each]);
    const inputs = [dims(heads, length, width), dims(shared, keys, width), dims(shared, keys, inner)].map((shape) =>
      between(r, shape, -1, 1),
    );
    const names = ['x0', 'x1', 'x2'];
    const constants: Record<string, Tensor> = {};
    const form = r.pick(['none', 'bool', 'float', 'causal', 'bool and causal']);
    const scale = r.flag() ? 0.7 : null;
    // A choice may leave a row with nothing to see.
    const values = Array.from({ length: length * keys }, () => (r.flag() ? 1 : 0));
    if (form.startsWith('bool')) constants.mask = { dtype: 'bool', dims: [length, keys], data: Uint8Array.from(values) };
    if (form === 'float') constants.mask = floats([length, keys], values);
    if (constants.mask !== undefined) names.push('mask');
    const attributes = {
      ...(isFlat ? { q_num_heads: heads, kv_num_heads: shared } : {}),
      ...(scale === null ? {} : { scale: attr.float(scale) }),
      ...(form.endsWith('causal') ? { is_causal: 1 } : {}),
    };
    const isTheirs = !isFlat && shared === heads && (form === 'none' || form === 'float');
    const mask = () => (form === 'float' ? tf.tensor(values, [length, keys]) : tf.zeros([length, keys]));
    const tensorflow = ((q: Tf, k: Tf, v: Tf) => softmaxAttention(q, k, v, scale ?? 1 / Math.sqrt(width), mask())) as never;
    return makeCase('Attention', inputs, { attributes, constants, names, opset: 23, double: false, ...(isTheirs ? { tensorflow } : {}) });
  },
};
