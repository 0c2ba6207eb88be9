// Cases of matrix products, normalizations, reductions, and of operators that move elements.

import { attr, floats, ints } from '../../agent/onnx/build.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { awayFromZero, between, type Case, distinct, type Input, makeCase, values } from './case.ts';
import type { Random } from './random.ts';
import { type Tf, tf } from './tensorflow.ts';

type MakeCase = (r: Random) => Case;

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
    const same = left.dims.length === right.dims.length;
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
  ReduceProd: (r) => reduction('ReduceProd', null, r.flag() ? awayFromZero : withZeros)(r),
  ReduceMax: reduction('ReduceMax', (x, axes, keep) => tf.max(x, axes, keep), distinct),
  ReduceMin: reduction('ReduceMin', (x, axes, keep) => tf.min(x, axes, keep), distinct),
};

const vectorOf = (r: Random, count: number, high: number): Tensor => ints(Array.from({ length: count }, () => r.int(-high - 1, high)));

export const movementCases: Readonly<Record<string, MakeCase>> = {
  Identity: (r) => makeCase('Identity', [values(r, r.shape())], { tensorflow: (x) => tf.mul(x, 1) }),
  Reshape: (r) => {
    const [a, b, c] = r.shape(3) as [number, number, number];
    const target = r.pick([[-1], [0, -1], [c, a * b], [a, 1, b * c]]);
    const tensorflow = (x: Tf) => tf.reshape(x, target[0] === 0 ? [a, b * c] : target);
    return makeCase('Reshape', [values(r, [a, b, c])], { constants: { target: ints(target) }, tensorflow });
  },
  Flatten: (r) => {
    const shape = r.shape(3);
    const axis = r.int(-3, 3);
    const first = axis < 0 ? axis + 3 : axis;
    const rows = shape.slice(0, first).reduce((x, y) => x * y, 1);
    return makeCase('Flatten', [values(r, shape)], { attributes: { axis }, tensorflow: (x) => tf.reshape(x, [rows, -1]) });
  },
  Squeeze: (r) => {
    const [a, b] = r.shape(2) as [number, number];
    const axes = r.pick([[1], [-1], [1, 3]]);
    const tensorflow = (x: Tf) =>
      tf.squeeze(
        x,
        axes.map((axis) => (axis < 0 ? axis + 4 : axis)),
      );
    return makeCase('Squeeze', [values(r, [a, 1, b, 1])], { constants: { axes: ints(axes) }, tensorflow });
  },
  Unsqueeze: (r) => {
    const [a, b] = r.shape(2) as [number, number];
    return makeCase('Unsqueeze', [values(r, [a, b])], {
      constants: {
        axes: ints(
          r.pick([
            [0, 2],
            [-2, 0],
          ]),
        ),
      },
      tensorflow: (x) => tf.reshape(x, [1, a, 1, b]),
    });
  },
  Transpose: (r) => {
    const shape = r.shape();
    const perm = r.permutation(shape.length);
    if (r.flag()) return makeCase('Transpose', [values(r, shape)], { tensorflow: (x) => tf.transpose(x) });
    return makeCase('Transpose', [values(r, shape)], { attributes: { perm }, tensorflow: (x) => tf.transpose(x, [...perm]) });
  },
  Concat: (r) => {
    const shape = r.shape();
    const axis = r.int(0, shape.length - 1);
    const parts = Array.from({ length: r.int(1, 3) }, () =>
      values(
        r,
        shape.map((size, at) => (at === axis ? r.int(1, 3) : size)),
      ),
    );
    const given = r.flag() ? axis : axis - shape.length;
    return makeCase('Concat', parts, { attributes: { axis: given }, tensorflow: (...list) => tf.concat(list, axis) });
  },
  Split: (r) => {
    const sizes = [r.int(1, 3), r.int(1, 3)];
    const shape = [r.int(1, 3), sizes[0]! + sizes[1]!];
    // Only the first part has a gradient here; the walk tests cover several.
    const tensorflow = (x: Tf) => tf.split(x, sizes, 1)[0] as Tf;
    return makeCase('Split', [values(r, shape)], { attributes: { axis: -1 }, constants: { sizes: ints(sizes) }, outputs: 2, tensorflow });
  },
  Slice: (r) => {
    const shape = [r.int(2, 4), r.int(1, 3), r.int(3, 5)];
    const [start, end] = [r.int(-2, 1), r.pick([2, -1, 100])];
    const constants: Record<string, Tensor> = { starts: ints([start]), ends: ints([end]), axes: ints([2]) };
    if (r.flag()) constants.steps = ints([1]);
    const size = shape[2] as number;
    const from = start < 0 ? start + size : start;
    const to = Math.min(end < 0 ? end + size : end, size);
    if (to <= from) return makeCase('Slice', [values(r, shape)], { constants: { starts: ints([1, 0]), ends: ints([2, 1]) } });
    const tensorflow = (x: Tf) => tf.slice(x, [0, 0, from], [-1, -1, to - from]);
    return makeCase('Slice', [values(r, shape)], { constants, tensorflow });
  },
  Pad: (r) => {
    const shape = r.shape(2);
    const [a, b, c, d] = [r.int(0, 2), r.int(0, 2), r.int(0, 2), r.int(0, 2)];
    const tensorflow = (x: Tf) =>
      tf.pad(x, [
        [a, c],
        [b, d],
      ] as never);
    return makeCase('Pad', [values(r, shape)], { constants: { pads: ints([a, b, c, d]) }, tensorflow });
  },
  Gather: (r) => {
    const shape = r.shape(3, 4);
    const axis = r.int(0, 2);
    const indices = vectorOf(r, r.int(1, 5), (shape[axis] as number) - 1);
    const dims = indices.dims[0] === 4 ? [2, 2] : indices.dims;
    const positive = Array.from(indices.data as BigInt64Array, (at) => (Number(at) + shape[axis]!) % shape[axis]!);
    const tensorflow = (x: Tf) => tf.gather(x, tf.tensor(positive, [...dims], 'int32'), axis);
    return makeCase('Gather', [values(r, shape)], { attributes: { axis }, constants: { indices: { ...indices, dims } }, tensorflow });
  },
  Expand: (r) => {
    const full = r.shape();
    const tensorflow = (x: Tf) => tf.broadcastTo(x, [...full]);
    return makeCase('Expand', [values(r, r.broadcastable(full))], { constants: { shape: ints(full) }, tensorflow });
  },
  Cast: (r) => makeCase('Cast', [values(r, r.shape())], { attributes: { to: 1 }, double: false, tensorflow: (x) => tf.mul(x, 1) }),
};
