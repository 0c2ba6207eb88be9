// Cases of matrix products, normalizations and reductions.

import type { Tensor } from '../../agent/onnx/ir.ts';
import { attr, floats, ints } from '../../agent/onnx/made/build.ts';
import { awayFromZero, between, type Case, distinct, type Input, makeCase, values } from './case.ts';
import type { Random } from './random.ts';
import { type Tf, tf } from './tensorflow.ts';

type MakeCase = (r: Random) => Case;

/** Equations of attention, of bilinear forms, outer products, traces over an axis, and without an arrow. */
const equations = ['bij,bjk->bik', 'bhid,bhjd->bhij', 'ij,jk', 'i,j->ij', 'bi,ij,bj->b', 'ijk->kj', 'abc,cd->ad', 'ij->', 'nc, kc -> nk'];

function einsum(r: Random): Case {
  const equation = r.pick(equations);
  const sizes = new Map([...'abcdhijkn'].map((letter) => [letter, r.int(1, 3)]));
  const operands = (equation.replaceAll(' ', '').split('->')[0] as string).split(',');
  // An operand may have one element along a letter of which another has more: it is repeated.
  const narrow = operands.length > 1 && r.flag() ? r.int(0, operands.length - 1) : -1;
  const others = operands.filter((_, index) => index !== narrow).join('');
  const inputs = operands.map((letters, index) => {
    const dims = [...letters].map((letter) =>
      index === narrow && others.includes(letter) && r.flag() ? 1 : (sizes.get(letter) as number),
    );
    return values(r, dims, 0.02 * index + 0.02);
  });
  return makeCase('Einsum', inputs, { attributes: { equation } });
}

export const linearCases: Readonly<Record<string, MakeCase>> = {
  MatMul: (r) => {
    const [m, k, n] = r.shape(3) as [number, number, number];
    const batch = r.shape(r.int(0, 2), 2);
    const form = r.int(0, 4);
    if (form === 0) return makeCase('MatMul', [values(r, [k]), values(r, [...batch, k, n])]);
    if (form === 1) return makeCase('MatMul', [values(r, [...batch, m, k]), values(r, [k])]);
    if (form === 2) return makeCase('MatMul', [values(r, [k]), values(r, [k])]);
    const left = values(r, [...batch, m, k]);
    const right = values(r, form === 3 ? [k, n] : [...r.broadcastable(batch), k, n]);
    // TensorFlow.js does not sum the gradient of what was broadcast.
    const same = left.dims.length === right.dims.length && batch.every((size, axis) => size === right.dims[axis]);
    return makeCase('MatMul', [left, right], same ? { tensorflow: ((a: Tf, b: Tf) => tf.matMul(a, b)) as never } : {});
  },
  Gemm: (r) => {
    const [m, k, n] = r.shape(3, 4) as [number, number, number];
    const [transA, transB] = [r.flag(), r.flag()];
    const [alpha, beta] = [r.pick([1, 0.5]), r.pick([1, 2])];
    const inputs = [values(r, transA ? [k, m] : [m, k]), values(r, transB ? [n, k] : [k, n])];
    if (r.next() < 0.8) inputs.push(values(r, r.pick([[], [n], [m, 1], [1, n], [m, n]])));
    const tensorflow = (a: Tf, b: Tf, bias?: Tf) => {
      const product = tf.mul(alpha, tf.matMul(a as never, b as never, transA, transB));
      return bias === undefined ? product : tf.add(product, tf.mul(beta, bias));
    };
    const attributes = { transA: transA ? 1 : 0, transB: transB ? 1 : 0, alpha: attr.float(alpha), beta: attr.float(beta) };
    return makeCase('Gemm', inputs, { attributes, tensorflow: tensorflow as never });
  },
  Einsum: einsum,
};

function alongAxis(op: string, tensorflow: (x: Tf, axis: number) => Tf): MakeCase {
  return (r) => {
    const shape = r.shape();
    const axis = r.int(-shape.length, shape.length - 1);
    const last = axis === -1 || axis === shape.length - 1;
    return makeCase(op, [values(r, shape)], { attributes: { axis }, ...(last ? { tensorflow: (x: Tf) => tensorflow(x, -1) } : {}) });
  };
}

/** Normalization of `groups` groups of `each` channels; `scales` weights in all. */
function grouped(r: Random, op: string, groups: number, each: number, scales: number, opset: number): Case {
  const dims = [r.int(1, 2), groups * each, ...r.shape(r.int(1, 2))];
  const tensorflow = (x: Tf, scale: Tf, shift: Tf) => {
    const rows = tf.reshape(x, [dims[0] as number, groups, -1]);
    const centred = tf.sub(rows, tf.mean(rows, -1, true));
    const normal = tf.reshape(tf.div(centred, tf.sqrt(tf.add(tf.mean(tf.square(centred), -1, true), 0.01))), [
      dims[0],
      groups * each,
      -1,
    ] as never);
    const spread = (v: Tf) => tf.reshape(tf.tile(tf.reshape(v, [scales, 1]), [1, (groups * each) / scales]), [groups * each, 1]);
    return tf.reshape(tf.add(tf.mul(normal, spread(scale)), spread(shift)), dims);
  };
  const inputs = [distinct(r, dims), values(r, [scales]), values(r, [scales])];
  const attributes = { epsilon: attr.float(0.01), ...(op === 'GroupNormalization' ? { num_groups: groups } : {}) };
  return makeCase(op, inputs, { attributes, opset, tensorflow: tensorflow as never, double: false });
}

export const normalizationCases: Readonly<Record<string, MakeCase>> = {
  Softmax: alongAxis('Softmax', (x, axis) => tf.softmax(x, axis)),
  LogSoftmax: alongAxis('LogSoftmax', (x, axis) => tf.logSoftmax(x, axis)),
  BatchNormalization: (r) => {
    const channels = r.int(1, 3);
    const dims = [r.int(2, 3), channels, ...r.shape(r.int(0, 2))];
    const others = dims.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
    const isTraining = r.flag();
    const vector = (low: number, high: number) => floats([channels], between(r, [channels], low, high).values);
    const constants = { mean: vector(-1, 1), variance: vector(0.5, 2) };
    const tensorflow = (x: Tf, scale: Tf, shift: Tf) => {
      const spread = (v: Tf) => tf.reshape(v, [channels, ...dims.slice(2).map(() => 1)]);
      const fixed = (v: Tensor) => spread(tf.tensor([...(v.data as Float32Array)]));
      const { mean, variance } = isTraining
        ? tf.moments(x, others, true)
        : { mean: fixed(constants.mean), variance: fixed(constants.variance) };
      const normal = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 0.01)));
      return tf.add(tf.mul(normal, spread(scale)), spread(shift));
    };
    const inputs = [distinct(r, dims), values(r, [channels]), values(r, [channels])];
    return makeCase('BatchNormalization', inputs, {
      attributes: { epsilon: attr.float(0.01), ...(isTraining ? { training_mode: 1 } : {}) },
      constants,
      outputs: isTraining ? 3 : 1,
      tensorflow: tensorflow as never,
    });
  },
  LayerNormalization: (r) => {
    const dims = [...r.shape(r.int(1, 2)), r.int(2, 4)];
    const axis = r.pick(dims.length === 2 ? [-1] : [-1, -2]);
    const inner = dims.slice(axis);
    const inputs = [distinct(r, dims), values(r, inner), ...(r.flag() ? [values(r, inner)] : [])];
    const axes = dims.map((_, at) => at).slice(axis);
    const tensorflow = (x: Tf, scale: Tf, shift?: Tf) => {
      const centred = tf.sub(x, tf.mean(x, axes, true));
      const normal = tf.div(centred, tf.sqrt(tf.add(tf.mean(tf.square(centred), axes, true), 0.01)));
      return shift === undefined ? tf.mul(normal, scale) : tf.add(tf.mul(normal, scale), shift);
    };
    return makeCase('LayerNormalization', inputs, { attributes: { axis, epsilon: attr.float(0.01) }, tensorflow: tensorflow as never });
  },
  RMSNormalization: (r) => {
    const dims = [...r.shape(r.int(1, 2)), r.int(2, 4)];
    const axis = r.pick(dims.length === 2 ? [-1] : [-1, -2]);
    const axes = dims.map((_, at) => at).slice(axis);
    const tensorflow = (x: Tf, scale: Tf) => tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), axes, true), 0.01))), scale);
    const attributes = { axis, epsilon: attr.float(0.01) };
    const options = { attributes, opset: 23, tensorflow: tensorflow as never };
    return makeCase('RMSNormalization', [distinct(r, dims), values(r, dims.slice(axis))], options);
  },
  GroupNormalization: (r) => {
    const [groups, each] = [r.int(1, 2), r.int(1, 3)];
    const opset = r.pick([18, 21]);
    // One scale a group before opset 21, one a channel from there on.
    return grouped(r, 'GroupNormalization', groups, each, opset === 21 ? groups * each : groups, opset);
  },
  InstanceNormalization: (r) => {
    const channels = r.int(1, 3);
    return grouped(r, 'InstanceNormalization', channels, 1, channels, 17);
  },
  MeanVarianceNormalization: (r) => {
    const axes = r.pick([[0, 2, 3], [1], [0, 1, 2, 3]]);
    const tensorflow = (x: Tf) => {
      const centred = tf.sub(x, tf.mean(x, axes, true));
      return tf.div(centred, tf.sqrt(tf.mean(tf.square(centred), axes, true)));
    };
    const dims = [2, 3, ...r.shape(2)];
    return makeCase('MeanVarianceNormalization', [distinct(r, dims)], { attributes: { axes }, tensorflow, double: false });
  },
  LRN: (r) => {
    const size = r.pick([1, 3, 5]);
    const attributes = { size, alpha: attr.float(r.pick([0.5, 1.5])), beta: attr.float(0.75), bias: attr.float(r.pick([1, 2])) };
    const { alpha, beta, bias } = attributes;
    const dims = [r.int(1, 2), r.int(1, 5), ...r.shape(2, 2)];
    const tensorflow = (x: Tf) => {
      const last = tf.transpose(x, [0, 2, 3, 1]) as never;
      const y = tf.localResponseNormalization(
        last,
        (size - 1) / 2,
        bias.value as number,
        (alpha.value as number) / size,
        beta.value as number,
      );
      return tf.transpose(y, [0, 3, 1, 2]);
    };
    return makeCase('LRN', [values(r, dims)], { attributes, double: false, tensorflow });
  },
  LpNormalization: (r) => {
    const p = r.int(1, 2);
    const dims = r.shape(r.int(1, 3));
    const axis = r.int(-dims.length, dims.length - 1);
    const norm = (x: Tf) => (p === 1 ? tf.sum(tf.abs(x), axis, true) : tf.sqrt(tf.sum(tf.square(x), axis, true)));
    return makeCase('LpNormalization', [awayFromZero(r, dims)], { attributes: { p, axis }, tensorflow: (x) => tf.div(x, norm(x)) });
  },
};

type Reduction = (x: Tf, axes: number[] | undefined, keep: boolean) => Tf;

/** Axes by attribute before opset 18, by input from there on; ReduceSum by input since 13. */
function reduction(op: string, tensorflow: Reduction | null, make = values): MakeCase {
  return (r) => {
    const shape = r.shape(r.int(1, 3), 4);
    const axes = r.next() < 0.2 ? undefined : shape.flatMap((_, axis) => (r.flag() ? [axis - (r.flag() ? shape.length : 0)] : []));
    const chosen = axes?.length === 0 ? [0] : axes;
    const keepdims = r.int(0, 1);
    const opset = r.pick([17, 18]);
    const byInput = op === 'ReduceSum' || opset >= 18;
    return makeCase(op, [make(r, shape)], {
      opset,
      attributes: { keepdims, ...(chosen === undefined || byInput ? {} : { axes: chosen }) },
      constants: chosen !== undefined && byInput ? { axes: ints(chosen) } : {},
      ...(tensorflow === null ? {} : { tensorflow: (x: Tf) => tensorflow(x, chosen, keepdims === 1) }),
    });
  };
}

const positive = (r: Random, dims: readonly number[]): Input => between(r, dims, 0.5, 3);

/** Some elements are exactly zero. */
const withZeros = (r: Random, dims: readonly number[]): Input => {
  const { values: all } = awayFromZero(r, dims);
  return { dims, values: all.map((x) => (r.next() < 0.3 ? 0 : x)) };
};

export const reductionCases: Readonly<Record<string, MakeCase>> = {
  ReduceSum: reduction('ReduceSum', (x, axes, keep) => tf.sum(x, axes, keep)),
  ReduceMean: reduction('ReduceMean', (x, axes, keep) => tf.mean(x, axes, keep)),
  ReduceSumSquare: reduction('ReduceSumSquare', (x, axes, keep) => tf.sum(tf.square(x), axes, keep)),
  ReduceL1: reduction('ReduceL1', (x, axes, keep) => tf.sum(tf.abs(x), axes, keep)),
  ReduceL2: reduction('ReduceL2', (x, axes, keep) => tf.sqrt(tf.sum(tf.square(x), axes, keep)), awayFromZero),
  ReduceLogSum: reduction('ReduceLogSum', (x, axes, keep) => tf.log(tf.sum(x, axes, keep)), positive),
  ReduceLogSumExp: reduction('ReduceLogSumExp', (x, axes, keep) => tf.logSumExp(x, axes, keep)),
  // TensorFlow.js's own gradient of a product fails in this build.
  CumSum: (r) => {
    const dims = r.shape(r.int(1, 3));
    const axis = r.int(-dims.length, dims.length - 1);
    const [exclusive, reverse] = [r.int(0, 1), r.int(0, 1)];
    const tensorflow = (x: Tf) => tf.cumsum(x, axis < 0 ? axis + dims.length : axis, exclusive === 1, reverse === 1);
    // The gradient that TensorFlow.js has is right along the last axis only.
    const isLast = axis === -1 || axis === dims.length - 1;
    const options = { attributes: { exclusive, reverse }, constants: { axis: ints([axis], []) } };
    return makeCase('CumSum', [values(r, dims)], { ...options, ...(isLast ? { tensorflow } : {}) });
  },
  ReduceProd: (r) => reduction('ReduceProd', null, r.flag() ? awayFromZero : withZeros)(r),
  ReduceMax: reduction('ReduceMax', (x, axes, keep) => tf.max(x, axes, keep), distinct),
  ReduceMin: reduction('ReduceMin', (x, axes, keep) => tf.min(x, axes, keep), distinct),
};
