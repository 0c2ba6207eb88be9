// Convolutions, pools and batch normalization over [n, c, length] and [n, c, height, width] for the engine `tfjs`, which has them with channels
// last, without one-sided padding, and without gradients of dilated kernels: those are written out. Refuses three axes of space.

import { spatial, type Window, windowOf, windowsOver } from '../../autodiff/operators/window.ts';
import { floatAttribute, intAttribute, intsAttribute } from '../../onnx/attributes.ts';
import { type Call, input, type Operator, refuse } from './call.ts';
import type { TensorFlow, TfTensor } from './load.ts';

/** A window over two axes, and the way to images with channels last and back. */
interface Plane {
  readonly window: Window;
  readonly toLast: (x: TfTensor) => TfTensor;
  readonly toFirst: (x: TfTensor) => TfTensor;
}

function planeOf(call: Call, kernel: (size: readonly number[]) => readonly number[]): Plane {
  const { tf, node, x } = call;
  const size = spatial(node, x.shape);
  if (size.length > 2) refuse(node, `it works on ${size.length} axes of space`);
  const window = windowOf(node, size, kernel(size));
  const isFlat = size.length === 1;
  const wide = (list: readonly number[], fill: number) => (isFlat ? [fill, ...list] : list);
  return {
    window: {
      ...window,
      kernel: wide(window.kernel, 1),
      strides: wide(window.strides, 1),
      dilations: wide(window.dilations, 1),
      begin: wide(window.begin, 0),
      end: wide(window.end, 0),
    },
    toLast: (value) => tf.transpose(isFlat ? tf.expandDims(value, 2) : value, [0, 2, 3, 1]),
    toFirst: (value) => {
      const first = tf.transpose(value, [0, 3, 1, 2]);
      return isFlat ? tf.squeeze(first, [2]) : first;
    },
  };
}

function padded(tf: TensorFlow, x: TfTensor, { begin, end }: Window, fill: number): TfTensor {
  if ([...begin, ...end].every((pad) => pad === 0)) return x;
  const space = begin.map((before, axis): [number, number] => [before, end[axis] as number]);
  return tf.pad(x, [[0, 0], ...space, [0, 0]], fill);
}

/** [kh, kw, in, out] with zeros between its elements. */
function dilated(tf: TensorFlow, w: TfTensor, { kernel, dilations }: Window): TfTensor {
  if (dilations.every((step) => step === 1)) return w;
  const [height = 1, width = 1] = kernel;
  const [down = 1, right = 1] = dilations;
  const rest = w.shape.slice(2);
  const spread = tf.pad(tf.reshape(w, [height, 1, width, 1, ...rest]), [
    [0, 0],
    [0, down - 1],
    [0, 0],
    [0, right - 1],
    [0, 0],
    [0, 0],
  ]);
  const whole = tf.reshape(spread, [height * down, width * right, ...rest]);
  return tf.slice(whole, [0, 0, 0, 0], [(height - 1) * down + 1, (width - 1) * right + 1, ...rest] as [number, number, number, number]);
}

const conv: Operator = (call) => {
  const { tf } = call;
  const weight = input(call, 1);
  const { window, toLast, toFirst } = planeOf(call, () => weight.shape.slice(2));
  const { group } = window;
  const channels = call.x.shape[1] as number;
  const [outputs = 1, each = 1] = weight.shape;
  const w = tf.reshape(weight, [outputs, each, ...window.kernel]);
  const x = padded(tf, toLast(call.x), window, 0) as never;
  const strides = window.strides as [number, number];
  let y: TfTensor;
  if (group === channels && each === 1) {
    const filter = tf.transpose(tf.reshape(w, [channels, outputs / channels, ...window.kernel]), [2, 3, 0, 1]);
    y = tf.depthwiseConv2d(x, dilated(tf, filter, window) as never, strides, 'valid');
  } else {
    // A split into one has no gradient here.
    const parts = (value: TfTensor) => (group === 1 ? [value] : tf.split(value, group, 3));
    const filters = parts(dilated(tf, tf.transpose(w, [2, 3, 1, 0]), window));
    const images = parts(x);
    y = tf.concat(
      images.map((image, at) => tf.conv2d(image as never, filters[at] as never, strides, 'valid') as TfTensor),
      3,
    );
  }
  const bias = call.inputs[2] ?? null;
  return toFirst(bias === null ? y : tf.add(y, bias));
};

const pool = (apply: (call: Call, x: TfTensor, window: Window) => TfTensor): Operator => {
  return (call) => {
    const { node, x } = call;
    const { window, toLast, toFirst } = planeOf(call, (size) => intsAttribute(node, 'kernel_shape') ?? size);
    if (window.dilations.some((step) => step !== 1)) refuse(node, 'its window is dilated');
    const size = spatial(node, x.shape.length === 3 ? [...x.shape.slice(0, 2), 1, x.shape[2] as number] : x.shape);
    const isCeil = intAttribute(node, 'ceil_mode', 0) !== 0;
    if (isCeil && String(windowsOver(window, size, true)) !== String(windowsOver(window, size)))
      refuse(node, 'ceil_mode reaches beyond the image');
    return toFirst(apply(call, toLast(x), window));
  };
};

const maxPool = pool(({ tf }, x, window) => {
  const [kernel, strides] = [window.kernel, window.strides] as [[number, number], [number, number]];
  return tf.maxPool(padded(tf, x, window, -3e38) as never, kernel, strides, 'valid');
});

const averagePool = pool(({ tf, node }, x, window) => {
  const [kernel, strides] = [window.kernel, window.strides] as [[number, number], [number, number]];
  const mean = (values: TfTensor) => tf.avgPool(padded(tf, values, window, 0) as never, kernel, strides, 'valid') as TfTensor;
  if (intAttribute(node, 'count_include_pad', 0) !== 0) return mean(x);
  // What share of each window lies inside the image.
  return tf.div(mean(x), mean(tf.ones([1, ...x.shape.slice(1, 3), 1])));
});

const overSpace = (call: Call) => call.x.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));

/** In training mode also the next running mean and variance: m·μ + (1 − m)·μ of the batch. */
const batchNormalization: Operator = (call) => {
  const { tf, node, x } = call;
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((at) => input(call, at)) as [TfTensor, TfTensor, TfTensor, TfTensor];
  const perChannel = (value: TfTensor) => tf.reshape(value, [-1, ...overSpace(call).map(() => 1)]);
  const normal = (centre: TfTensor, spread: TfTensor) => {
    const factor = tf.mul(scale, tf.rsqrt(tf.add(spread, floatAttribute(node, 'epsilon', 1e-5))));
    return tf.add(tf.mul(tf.sub(x, perChannel(centre)), perChannel(factor)), perChannel(shift));
  };
  if (intAttribute(node, 'training_mode', 0) === 0) return normal(mean, variance);
  const now = tf.moments(x, [0, ...overSpace(call)]);
  const momentum = floatAttribute(node, 'momentum', 0.9);
  const next = (old: TfTensor, batch: TfTensor) => tf.add(tf.mul(old, momentum), tf.mul(batch, 1 - momentum));
  return [normal(now.mean, now.variance), next(mean, now.mean), next(variance, now.variance)];
};

export const imageOperators: Readonly<Record<string, Operator>> = {
  Conv: conv,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: (call) => call.tf.mean(call.x, overSpace(call), true),
  GlobalMaxPool: (call) => call.tf.max(call.x, overSpace(call), true),
  BatchNormalization: batchNormalization,
};
