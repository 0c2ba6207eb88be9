// Operators that move values for the engine `tfjs`: reshapes, cuts, joins. Their shapes and indices must be known before training.
import { intAttribute, intsAttribute, normalAxis, stringAttribute } from '../../onnx/attributes.ts';
import { axesOf, type Call, input, type Operator, refuse, stretched } from './call.ts';
import type { TfTensor } from './load.ts';

function wanted(call: Call, at: number, what: string): readonly number[] {
  return call.ints(at) ?? refuse(call.node, `its ${what} are computed from data`);
}

const reshape: Operator = (call) => {
  const keepsZero = intAttribute(call.node, 'allowzero', 0) !== 0;
  const shape = wanted(call, 1, 'new sizes').map((size, axis) => (size === 0 && !keepsZero ? (call.x.shape[axis] as number) : size));
  return call.tf.reshape(call.x, shape);
};

const flatten: Operator = ({ tf, node, x }) => {
  const axis = normalAxis(intAttribute(node, 'axis', 1), x.rank);
  return tf.reshape(x, [x.shape.slice(0, axis).reduce((a, b) => a * b, 1), -1]);
};

const unsqueeze: Operator = (call) => {
  const axes = wanted(call, 1, 'axes');
  const rank = call.x.rank + axes.length;
  const places = new Set(axes.map((axis) => normalAxis(axis, rank)));
  const sizes = [...call.x.shape];
  return call.tf.reshape(
    call.x,
    Array.from({ length: rank }, (_, axis) => (places.has(axis) ? 1 : (sizes.shift() as number))),
  );
};

/** One part is x itself: a split into one has no gradient here. */
const split: Operator = (call) => {
  const { tf, node, x } = call;
  if (node.outputs.length === 1) return x;
  const axis = normalAxis(intAttribute(node, 'axis', 0), x.rank);
  const length = x.shape[axis] as number;
  const each = Math.ceil(length / node.outputs.length);
  const even = node.outputs.map((_, at) => Math.min(each, length - at * each));
  return tf.split(x, [...(call.ints(1) ?? intsAttribute(node, 'split') ?? even)], axis);
};

/** Steps other than 1 go through a Gather, because a strided slice has no gradient here. */
const slice: Operator = (call) => {
  const { tf, x } = call;
  const starts = wanted(call, 1, 'starts');
  const ends = wanted(call, 2, 'ends');
  const axes = axesOf(call, 3) ?? starts.map((_, axis) => axis);
  const steps = call.ints(4) ?? starts.map(() => 1);
  return axes.reduce((value: TfTensor, axis, at) => {
    const length = x.shape[axis] as number;
    const step = steps[at] as number;
    const bound = (place: number, low: number, high: number) => Math.min(Math.max(place < 0 ? place + length : place, low), high);
    const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
    const [from, to] = [bound(starts[at] as number, Math.max(low, 0), high), bound(ends[at] as number, low, high)];
    const count = Math.max(0, Math.ceil((to - from) / step));
    if (step === 1) {
      const begin = value.shape.map((_, each) => (each === axis ? from : 0));
      return tf.slice(
        value,
        begin,
        value.shape.map((size, each) => (each === axis ? count : size)),
      );
    }
    const places = Int32Array.from({ length: count }, (_, index) => from + index * step);
    return tf.gather(value, tf.tensor1d(places, 'int32'), axis);
  }, x);
};

/** A negative pad cuts off. */
const pad: Operator = (call) => {
  const { tf, node, x } = call;
  const mode = stringAttribute(node, 'mode', 'constant');
  if (mode !== 'constant') refuse(node, `padding by '${mode}'`);
  const pads = wanted(call, 1, 'pads');
  const axes = axesOf(call, 3) ?? x.shape.map((_, axis) => axis);
  const sides = x.shape.map((): [number, number] => [0, 0]);
  for (const [at, axis] of axes.entries()) sides[axis] = [pads[at] as number, pads[at + axes.length] as number];
  const kept = tf.slice(
    x,
    sides.map(([before]) => Math.max(-before, 0)),
    sides.map(([before, after], axis) => (x.shape[axis] as number) + Math.min(before, 0) + Math.min(after, 0)),
  );
  const added = sides.map(([before, after]): [number, number] => [Math.max(before, 0), Math.max(after, 0)]);
  return tf.pad(kept, added, call.inputs[2]?.dataSync()[0] ?? 0);
};

const gather: Operator = (call) => {
  const { tf, node, x } = call;
  const axis = normalAxis(intAttribute(node, 'axis', 0), x.rank);
  const places = wanted(call, 1, 'indices').map((place) => normalAxis(place, x.shape[axis] as number));
  const shape = input(call, 1).shape;
  const flat = tf.gather(x, tf.tensor1d(places, 'int32'), axis);
  return tf.reshape(flat, [...x.shape.slice(0, axis), ...shape, ...x.shape.slice(axis + 1)]);
};

export const movementOperators: Readonly<Record<string, Operator>> = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: (call) => {
    const axes = axesOf(call, 1);
    return axes === null ? call.tf.squeeze(call.x) : call.tf.squeeze(call.x, [...axes]);
  },
  Unsqueeze: unsqueeze,
  Transpose: ({ tf, node, x }) => tf.transpose(x, [...(intsAttribute(node, 'perm') ?? x.shape.map((_, axis) => x.rank - 1 - axis))]),
  Concat: (call) => {
    const parts = call.inputs.map((_, at) => input(call, at));
    return call.tf.concat(parts, normalAxis(intAttribute(call.node, 'axis', 0), call.x.rank));
  },
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  /** The sizes may be smaller than those of x: 1 stands for what is there. */
  Expand: (call) => stretched(call.tf, [call.x, call.tf.zeros([...wanted(call, 1, 'sizes')])])[0] as TfTensor,
};
