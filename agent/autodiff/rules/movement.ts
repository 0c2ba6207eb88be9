// Gradients of operators that move elements without computing: the gradient moves back. Index inputs have none.
import { WhetError } from '../../errors.ts';
import { dataTypes } from '../../onnx/ir.ts';
import { intAttribute, intsAttribute, nodeTitle, normalAxis, stringAttribute } from '../attributes.ts';
import type { Draft } from '../draft.ts';
import type { Rule } from '../rules.ts';
import { sliceRanges } from '../shapes/movement.ts';

/** Same elements in the same order:  dx = dy in the shape of x. */
const reshape: Rule = (c, node, dy) => {
  const [x] = node.inputs as readonly [string];
  return node.inputs.map((_, index) => (index === 0 ? c.reshape(dy, c.shape(x)) : null));
};

/** y = x permuted:  dx = dy permuted by the inverse. */
const transpose: Rule = (c, node, dy) => {
  const rank = c.shape(dy).length;
  const perm = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  return [
    c.transpose(
      dy,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ];
};

/** y = xᵢ joined along the axis:  dxᵢ = the part of dy that came from xᵢ. */
const concat: Rule = (c, node, dy) => {
  const axis = normalAxis(intAttribute(node, 'axis', 0), c.shape(dy).length);
  const sizes = node.inputs.map((x) => c.shape(x)[axis] as number);
  return sizes.length === 1 ? [dy] : c.emitMany('Split', [dy, c.ints(sizes)], sizes.length, { axis });
};

/** yᵢ = parts of x along the axis:  dx = dyᵢ joined, zeros where a part has no gradient. */
const split: Rule = (c, node, _dy, dys) => {
  const axis = normalAxis(intAttribute(node, 'axis', 0), c.shape(node.inputs[0] as string).length);
  const parts = node.outputs.map((y, index) => dys[index] ?? zeros(c, c.shape(y)));
  return node.inputs.map((_, index) => (index === 0 ? c.emit('Concat', parts, { axis }) : null));
};

/**
 * y = a range of x on each axis, every step-th element, backwards where the step is negative:  dx = dy at those places and zeros elsewhere.
 * Steps are undone by putting zeros behind each element: [n] → [n, 1] → [n, step] → [n·step].
 */
const slice: Rule = (c, node, dy) => {
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
const tile: Rule = (c, node, dy) => {
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

/** Blocks of s×s pixels become channels:  dx = DepthToSpace(dy). */
const spaceToDepth: Rule = (c, node, dy) => [c.emit('DepthToSpace', [dy], { blocksize: intAttribute(node, 'blocksize', 1) })];

/** Channels become blocks of s×s pixels, in the order [s, s, c] (DCR) or [c, s, s] (CRD):  dx = dy put back. */
const depthToSpace: Rule = (c, node, dy) => {
  const s = intAttribute(node, 'blocksize', 1);
  if (stringAttribute(node, 'mode', 'DCR') === 'DCR') return [c.emit('SpaceToDepth', [dy], { blocksize: s })];
  const [n = 1, channels = 1, height = 1, width = 1] = c.shape(dy);
  const blocks = c.reshape(dy, [n, channels, height / s, s, width / s, s]);
  return [c.reshape(c.transpose(blocks, [0, 1, 3, 5, 2, 4]), c.shape(node.inputs[0] as string))];
};

/** y = the triangle of x, zeros elsewhere:  dx = the triangle of dy. */
const trilu: Rule = (c, node, dy) => [
  c.emit('Trilu', [dy, ...node.inputs.slice(1)], node.attributes),
  ...node.inputs.slice(1).map(() => null),
];

/** y = x repeated to a shape:  dx = dy, which the walker sums. */
const expand: Rule = (_c, _node, dy) => [dy, null];

/** y = x in another type:  dx = dy in the type of x; none where x is not real. */
const cast: Rule = (c, { inputs: [x = ''] }, dy) => {
  const type = c.dtypeOf(x);
  if (!['float32', 'float64', 'float16', 'bfloat16'].includes(type)) return [null];
  const to = Object.entries(dataTypes).find(([, name]) => name === type)?.[0];
  return [c.dtypeOf(dy) === type ? dy : c.emit('Cast', [dy], { to: Number(to) })];
};

export function zeros(c: Draft, shape: readonly number[]): string {
  return c.emit('Expand', [0, c.ints(shape)]);
}

export const movementRules: Readonly<Record<string, Rule>> = {
  Identity: (_c, _node, dy) => [dy],
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: trilu,
  Expand: expand,
  Cast: cast,
};
