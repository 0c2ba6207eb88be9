// Operators that join, cut and repeat along axes: the gradient goes to the parts. What says where has none.
import { WhetError } from '../../errors.ts';
import { intAttribute, intsAttribute, nodeTitle, normalAxis } from '../../onnx/attributes.ts';
import type { Draft } from '../draft.ts';
import { joined, sliced } from '../fold/movement.ts';
import { concat as loweredConcat, split as loweredSplit } from '../lower/movement.ts';
import type { Family, Gradient, Shape, ShapeRule } from '../operator.ts';
import { known } from './elementwise.ts';
import { zeros } from './movement.ts';
import { sliceRanges } from './slice-ranges.ts';

const concatShape: ShapeRule = (node, source) => {
  const shapes = node.inputs.map((name) => known(source, name));
  const first = shapes[0];
  if (first === undefined || shapes.some((shape) => shape === undefined)) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', 0), first.length);
  const total = (shapes as Shape[]).reduce((sum, shape) => sum + (shape[axis] as number), 0);
  return [first.map((size, at) => (at === axis ? total : size))];
};

const splitShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', 0), x.length);
  const even = Math.ceil((x[axis] as number) / node.outputs.length);
  const sizes = node.inputs[1] ? source.knownInts(node.inputs[1]) : intsAttribute(node, 'split');
  if (node.inputs[1] && sizes === null) return node.outputs.map(() => undefined);
  return node.outputs.map((_, index) => {
    const size = sizes?.[index] ?? Math.min(even, (x[axis] as number) - index * even);
    return x.map((old, at) => (at === axis ? size : old));
  });
};

const sliceShape: ShapeRule = (node, source) => {
  const ranges = sliceRanges(node, source);
  return [ranges?.map(({ start, end, step }) => Math.max(0, Math.ceil((end - start) / step)))];
};

const tileShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const repeats = source.knownInts(node.inputs[1] as string);
  return [repeats === null ? undefined : x?.map((size, axis) => size * (repeats[axis] as number))];
};

/** y = xᵢ joined along the axis:  dxᵢ = the part of dy that came from xᵢ. */
const concat: Gradient = (c, node, dy) => {
  const axis = normalAxis(intAttribute(node, 'axis', 0), c.shape(dy).length);
  const sizes = node.inputs.map((x) => c.shape(x)[axis] as number);
  return sizes.length === 1 ? [dy] : c.emitMany('Split', [dy, c.ints(sizes)], sizes.length, { axis });
};

/** yᵢ = parts of x along the axis:  dx = dyᵢ joined, zeros where a part has no gradient. */
const split: Gradient = (c, node, _dy, dys) => {
  const axis = normalAxis(intAttribute(node, 'axis', 0), c.shape(node.inputs[0] as string).length);
  const parts = node.outputs.map((y, index) => dys[index] ?? zeros(c, c.shape(y)));
  return node.inputs.map((_, index) => (index === 0 ? c.emit('Concat', parts, { axis }) : null));
};

/**
 * y = a range of x on each axis, every step-th element, backwards where the step is negative:  dx = dy at those places and zeros elsewhere.
 * Steps are undone by putting zeros behind each element: [n] → [n, 1] → [n, step] → [n·step].
 */
const slice: Gradient = (c, node, dy) => {
  const shape = c.shape(node.inputs[0] as string);
  const ranges = sliceRanges(node, c);
  if (ranges === null) throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} slices with limits that depend on data`);
  const counts = c.shape(dy);
  if (counts.includes(0)) return node.inputs.map(() => null);
  const backwards = ranges.flatMap(({ step }, axis) => (step < 0 ? [axis] : []));
  const forwards = backwards.length === 0 ? dy : reversed(c, dy, backwards);
  const steps = ranges.map(({ step }) => Math.abs(step));
  const spread = steps.every((step) => step === 1) ? forwards : withGaps(c, forwards, steps);
  const before = ranges.map(({ start, step }, axis) => (step > 0 ? start : start + step * ((counts[axis] as number) - 1)));
  const after = shape.map((size, axis) => size - (before[axis] as number) - (counts[axis] as number) * (steps[axis] as number));
  const dx = c.emit('Pad', [spread, c.ints([...before, ...after])]);
  return node.inputs.map((_, index) => (index === 0 ? dx : null));
};

/** step − 1 zeros behind each element of an axis. */
function withGaps(c: Draft, x: string, steps: readonly number[]): string {
  const shape = c.shape(x);
  const pairs = c.reshape(
    x,
    shape.flatMap((size) => [size, 1]),
  );
  const none = shape.flatMap(() => [0, 0]);
  const padded = c.emit('Pad', [pairs, c.ints([...none, ...steps.flatMap((step) => [0, step - 1])])]);
  return c.reshape(
    padded,
    shape.map((size, axis) => size * (steps[axis] as number)),
  );
}

function reversed(c: Draft, x: string, axes: readonly number[]): string {
  const [last, end, back] = [axes.map(() => -1), axes.map(() => -(2 ** 31)), axes.map(() => -1)];
  return c.emit('Slice', [x, c.ints(last), c.ints(end), c.ints(axes), c.ints(back)]);
}

/** y = x n times along each axis:  dx = Σ over the repetitions of dy. */
const tile: Gradient = (c, node, dy) => {
  const [x, repeats] = node.inputs as readonly [string, string];
  const counts = c.knownInts(repeats);
  if (counts === null) throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} repeats as often as data say`);
  const split = c.reshape(
    dy,
    c.shape(x).flatMap((size, axis) => [counts[axis] as number, size]),
  );
  return [
    c.sum(
      split,
      counts.map((_, axis) => 2 * axis),
    ),
    null,
  ];
};

export const joining: Family = {
  Concat: { shape: concatShape, gradient: concat, fold: joined, lower: loweredConcat },
  Split: { shape: splitShape, gradient: split, lower: loweredSplit },
  Slice: { shape: sliceShape, gradient: slice, fold: sliced },
  Tile: { shape: tileShape, gradient: tile },
};
