// Softmax and the normalizations.
import { WhetError } from '../../errors.ts';
import { floatAttribute, intAttribute, intsAttribute, nodeTitle, normalAxis } from '../../onnx/attributes.ts';
import { type Node, sizeOf } from '../../onnx/ir.ts';
import { is } from '../../onnx/operator-traits.ts';
import type { Draft } from '../draft.ts';
import { batchNormalization as loweredBatchNormalization } from '../lower/normalization.ts';
import type { Family, Gradient, ShapeRule } from '../operator.ts';
import { asInput, known } from './elementwise.ts';

/** Outputs: y, and where asked for the running (or saved) statistics, one a channel. */
const batchShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  return node.outputs.map((_, index) => (index === 0 ? x : known(source, node.inputs[3] as string)));
};

/** Outputs: y, mean and inverse deviation; the latter two with ones from `axis` on. */
const layerShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', -1), x.length);
  const statistics = x.map((size, at) => (at < axis ? size : 1));
  return node.outputs.map((_, index) => (index === 0 ? x : statistics));
};

/** y = softmax(x):  dx = y·(dy − Σ dy·y), the sum along the axis. */
const softmax: Gradient = (c, node, dy) => {
  const axis = normalAxis(intAttribute(node, 'axis', -1), c.shape(dy).length);
  const y = defined(c, node.outputs[0] as string, dy);
  return [c.mul(y, c.sub(dy, c.sum(c.mul(dy, y), [axis], true)))];
};

/** y = ln softmax(x):  dx = dy − eʸ·Σ dy, the sum along the axis. */
const logSoftmax: Gradient = (c, node, dy) => {
  const axis = normalAxis(intAttribute(node, 'axis', -1), c.shape(dy).length);
  const y = defined(c, c.exp(node.outputs[0] as string), dy);
  return [c.sub(dy, c.mul(y, c.sum(dy, [axis], true)))];
};

/**
 * The shares, with 0 for those that are no number: a row whose scores are all −∞ has none. Where a choice behind the softmax puts something else
 * in their place their gradient is 0, and 0·NaN must not undo that. Without such a choice the row has no answer either, and nothing is guarded.
 */
function defined(c: Draft, shares: string, dy: string): string {
  return isChosen(c, dy) ? c.where(c.emit('IsNaN', [shares]), 0, shares) : shares;
}

/** Whether a gradient is what a Where let through, as it is, in another form or added to others. */
function isChosen(c: Draft, dy: string): boolean {
  const producer = c.producer(dy);
  if (producer?.op === 'Where') return true;
  if (producer?.op === 'Add') return producer.inputs.some((part) => isChosen(c, part));
  return is(producer, 'view', 'permutes', 'converts') && isChosen(c, producer?.inputs[0] ?? '');
}

/**
 * y = w·x̂ + b,  x̂ = (x − μ)·r,  r = 1/√(σ² + ε), all one a channel (axis 1).
 * μ and σ² fixed:  dx = dy·w·r,  dw = Σ dy·x̂,  db = Σ dy.
 * Of the batch (training_mode, n elements a channel):  dx = w·r·(dy − db/n − x̂·dw/n). Ioffe, Szegedy 2015. The running statistics that
 * training mode also gives have no gradient: what reads them before the loss is refused.
 */
const batchNormalization: Gradient = (c, node, dy, dys) => {
  if (dys.slice(1).some((each) => each !== null)) {
    throw new WhetError('operator-unsupported', `the running statistics of node ${nodeTitle(node)} are used by what is trained`, {
      hint: 'Export the model for inference, or train fewer layers (--layers).',
    });
  }
  const [x, w, , mean, variance] = node.inputs as readonly [string, string, string, string, string];
  const shape = c.shape(x);
  const others = shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  const perChannel = (name: string) => c.reshape(name, [shape[1] ?? 1, ...shape.slice(2).map(() => 1)]);
  const isTraining = intAttribute(node, 'training_mode', 0) !== 0;
  const count = sizeOf(others.map((axis) => shape[axis] as number));
  const centre = isTraining ? c.mul(c.sum(x, others, true), 1 / count) : perChannel(mean);
  const centred = c.sub(x, centre);
  const spread = isTraining ? c.mul(c.sum(c.mul(centred, centred), others), 1 / count) : variance;
  const r = c.emit('Reciprocal', [c.emit('Sqrt', [c.plus(spread, floatAttribute(node, 'epsilon', 1e-5))])]);
  const [dw, db] = [c.mul(c.sum(c.mul(dy, centred), others), r), c.sum(dy, others)];
  const slope = c.mul(w, r);
  if (!isTraining) return [c.mul(dy, perChannel(slope)), dw, db, null, null];
  // Everything that is one a channel is computed there: three products and sums over the image are left.
  const along = c.mul(c.mul(slope, c.mul(r, dw)), 1 / count);
  const constant = c.mul(c.mul(slope, db), 1 / count);
  const dx = c.sub(c.sub(c.mul(dy, perChannel(slope)), c.mul(centred, perChannel(along))), perChannel(constant));
  return [dx, dw, db, null, null];
};

/** x̂ = (x − μ)·r over the axes (μ = 0 where not centred), with r = 1/√(⟨(x − μ)²⟩ + ε), ⟨·⟩ the mean over the axes. */
function normalized(c: Draft, x: string, axes: readonly number[], epsilon: number, isCentred = true) {
  const count = sizeOf(axes.map((axis) => c.shape(x)[axis] as number));
  const average = (value: string) => c.mul(c.sum(value, axes, true), 1 / count);
  const centred = isCentred ? c.sub(x, average(x)) : x;
  const deviation = c.emit('Sqrt', [c.plus(average(c.mul(centred, centred)), epsilon)]);
  const normal = c.div(centred, deviation);
  /** From g, the gradient of x̂:  dx = r·(g − ⟨g⟩ − x̂·⟨g·x̂⟩), without ⟨g⟩ where not centred. Ba, Kiros, Hinton 2016. */
  const gradient = (g: string) => {
    const along = c.mul(normal, average(c.mul(g, normal)));
    return c.div(c.sub(isCentred ? c.sub(g, average(g)) : g, along), deviation);
  };
  return { normal, deviation, gradient };
}

/**
 * y = w·x̂ + b over the axes from `axis` on:  dx from dy·w,  dw = Σ dy·x̂,  db = Σ dy  (the walker sums). RMS: not centred, no b.
 * The mean μ and the inverse deviation r, where they are read, add  dμ/n  and  −dr·r²·x̂/n  to dx.
 */
const layerNormalization =
  (isCentred: boolean): Gradient =>
  (c, node, dy, [, dMean = null, dInverse = null]) => {
    const [x, w] = node.inputs as readonly [string, string];
    const rank = c.shape(x).length;
    const first = normalAxis(intAttribute(node, 'axis', -1), rank);
    const axes = Array.from({ length: rank - first }, (_, at) => first + at);
    const { normal, deviation, gradient } = normalized(c, x, axes, floatAttribute(node, 'epsilon', 1e-5), isCentred);
    const share = 1 / sizeOf(axes.map((at) => c.shape(x)[at] as number));
    let dx = gradient(c.mul(dy, w));
    if (dMean !== null) dx = c.plus(dx, c.mul(dMean, share));
    if (dInverse !== null) dx = c.sub(dx, c.div(c.mul(c.mul(dInverse, share), normal), c.mul(deviation, deviation)));
    return [dx, c.mul(dy, normal), ...node.inputs.slice(2).map((name) => (name === '' ? null : dy))];
  };

/**
 * y = w·x̂ + b over the channels of a group (or one channel) and all of space. Works on [n, groups, channels of a group, space]; w and b are one
 * a channel, or (GroupNormalization before opset 21) one a group:  dx from dy·w,  dw = Σ dy·x̂,  db = Σ dy.
 */
const groupNormalization =
  (groupsOf: (node: Node, channels: number) => number): Gradient =>
  (c, node, dy) => {
    const [x, w] = node.inputs as readonly [string, string];
    const [batch = 1, channels = 1, ...space] = c.shape(x);
    const groups = groupsOf(node, channels);
    const grouped = [batch, groups, channels / groups, sizeOf(space)];
    const { normal, gradient } = normalized(c, c.reshape(x, grouped), [2, 3], floatAttribute(node, 'epsilon', 1e-5));
    const isPerGroup = sizeOf(c.shape(w)) === groups && groups !== channels;
    const g = c.reshape(dy, grouped);
    const wide = c.reshape(w, [groups, isPerGroup ? 1 : channels / groups, 1]);
    const total = (value: string) => c.reshape(c.sum(value, isPerGroup ? [0, 2, 3] : [0, 3]), c.shape(w));
    return [c.reshape(gradient(c.mul(g, wide)), c.shape(x)), total(c.mul(g, normal)), total(g)];
  };

/**
 * y = x/‖x‖ₚ along the axis:  dx = (dy − s·Σ dy·y)/‖x‖, with s = y for p = 2 and sign x for p = 1. Where all of x is 0 the runtime gives 0, and
 * dx is 0: dead activations must not become infinite gradients.
 */
const lpNormalization: Gradient = (c, node, dy) => {
  const [x] = node.inputs as readonly [string];
  const [y] = node.outputs as readonly [string];
  const axes = [normalAxis(intAttribute(node, 'axis', -1), c.shape(x).length)];
  const isL1 = intAttribute(node, 'p', 2) === 1;
  const norm = isL1 ? c.sum(c.emit('Abs', [x]), axes, true) : c.emit('Sqrt', [c.sum(c.mul(x, x), axes, true)]);
  const direction = isL1 ? c.emit('Sign', [x]) : y;
  const divisor = c.where(c.greater(norm, 0), norm, Number.POSITIVE_INFINITY);
  return [c.div(c.sub(dy, c.mul(direction, c.sum(c.mul(dy, y), axes, true))), divisor)];
};

/** y = (x − μ)/σ over the axes, without ε:  dx as of every normalization. */
const meanVariance: Gradient = (c, node, dy) => {
  const [x] = node.inputs as readonly [string];
  const axes = (intsAttribute(node, 'axes') ?? [0, 2, 3]).map((axis) => normalAxis(axis, c.shape(x).length));
  // As the runtime writes the operator out: σ + 1e-9.
  return [normalized(c, x, axes, 1e-18).gradient(dy)];
};

/**
 * y = x·s^(−β),  s = k + α/size·Σ x² over neighbouring channels:  dx = dy·s^(−β) − 2αβ/size·x·Σ dy·y/s, the second sum over the channels whose
 * neighbourhood holds this one. Sums over neighbours are products with a band of ones. Krizhevsky, Sutskever, Hinton 2012.
 */
const localResponse: Gradient = (c, node, dy) => {
  const [x] = node.inputs as readonly [string];
  const [y] = node.outputs as readonly [string];
  const [batch = 1, channels = 1, ...space] = c.shape(x);
  const size = intAttribute(node, 'size', 1);
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1e-4), floatAttribute(node, 'beta', 0.75)];
  // A neighbourhood of even size has one channel more behind than before.
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const band = Float32Array.from({ length: channels * channels }, (_, at) => {
    const [centre, other] = [Math.floor(at / channels), at % channels];
    return other >= centre - before && other <= centre + after ? 1 : 0;
  });
  const neighbours = c.constant(`${y}/neighbours`, { dtype: 'float32', dims: [channels, channels], data: band });
  const flat = [batch, channels, sizeOf(space)];
  const around = (value: string, matrix: string) => c.reshape(c.emit('MatMul', [matrix, c.reshape(value, flat)]), c.shape(x));
  const s = c.plus(c.mul(around(c.mul(x, x), neighbours), alpha / size), floatAttribute(node, 'bias', 1));
  const back = around(c.div(c.mul(dy, y), s), c.transpose(neighbours, [1, 0]));
  return [c.sub(c.mul(dy, c.emit('Pow', [s, -beta])), c.mul(c.mul(x, back), (2 * alpha * beta) / size))];
};

export const normalizations: Family = {
  Softmax: { shape: asInput, gradient: softmax },
  LogSoftmax: { shape: asInput, gradient: logSoftmax },
  BatchNormalization: { shape: batchShape, gradient: batchNormalization, lower: loweredBatchNormalization },
  LayerNormalization: { shape: layerShape, gradient: layerNormalization(true) },
  RMSNormalization: { shape: asInput, gradient: layerNormalization(false) },
  GroupNormalization: { shape: asInput, gradient: groupNormalization((node) => intAttribute(node, 'num_groups', 1)) },
  InstanceNormalization: { shape: asInput, gradient: groupNormalization((_node, channels) => channels) },
  LpNormalization: { shape: asInput, gradient: lpNormalization },
  MeanVarianceNormalization: { shape: asInput, gradient: meanVariance },
  LRN: { shape: asInput, gradient: localResponse },
};
