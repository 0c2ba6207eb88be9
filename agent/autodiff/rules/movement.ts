// Gradients of operators that move elements without computing: the gradient moves back. Index inputs have none.
import { WhetError } from '../../errors.ts';
import { dataTypes, sizeOf } from '../../onnx/ir.ts';
import { intAttribute, intsAttribute, nodeTitle, normalAxis } from '../attributes.ts';
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

/** y = a range of x on each axis:  dx = dy with zeros around it. Steps other than 1 have no rule. */
const slice: Rule = (c, node, dy) => {
  const shape = c.shape(node.inputs[0] as string);
  const ranges = sliceRanges(node, c);
  if (ranges === null || ranges.some(({ step }) => step !== 1)) {
    throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} slices with a step or with limits that depend on data`);
  }
  const after = ranges.map(({ end }, axis) => (shape[axis] as number) - end);
  const dx = c.emit('Pad', [dy, c.ints([...ranges.map(({ start }) => start), ...after])]);
  return node.inputs.map((_, index) => (index === 0 ? dx : null));
};

/** y = x with a border (mode constant):  dx = dy without it. */
const pad: Rule = (c, node, dy) => {
  const shape = c.shape(node.inputs[0] as string);
  const pads = c.knownInts(node.inputs[1] ?? '');
  const mode = node.attributes.mode;
  if (pads === null || (mode?.kind === 'string' && mode.value !== 'constant')) {
    throw new WhetError(
      'operator-unsupported',
      `node ${nodeTitle(node)} pads by reflection, by repetition or by amounts that depend on data`,
    );
  }
  const starts = shape.map((_, axis) => pads[axis] as number);
  const ends = shape.map((size, axis) => size + (pads[axis] as number));
  const dx = c.emit('Slice', [dy, c.ints(starts), c.ints(ends), c.ints(shape.map((_, axis) => axis))]);
  return node.inputs.map((_, index) => (index === 0 ? dx : null));
};

/** y = rows i of x along the axis:  dx[i] += dy for every i, duplicates add up. */
const gather: Rule = (c, node, dy) => {
  const [x, indices] = node.inputs as readonly [string, string];
  const [shape, picked] = [c.shape(x), c.shape(indices)];
  const axis = normalAxis(intAttribute(node, 'axis', 0), shape.length);
  // The axis goes first, rows are scattered into zeros, and the axis goes back to its place.
  const outer = shape.slice(0, axis);
  const rest = [...outer, ...shape.slice(axis + 1)];
  const rank = c.shape(dy).length;
  const front = Array.from({ length: picked.length }, (_, at) => axis + at);
  const others = Array.from({ length: rank }, (_, at) => at).filter((at) => !front.includes(at));
  const rows = c.reshape(c.transpose(dy, [...front, ...others]), [sizeOf(picked), ...rest]);
  const at = c.emit('Reshape', [indices, c.ints([sizeOf(picked), 1])]);
  const moved = c.emit('ScatterND', [zeros(c, [shape[axis] as number, ...rest]), at, rows], { reduction: 'add' });
  const back = shape.map((_, to) => (to === axis ? 0 : to < axis ? to + 1 : to));
  return [c.transpose(moved, back), null];
};

/** y = x repeated to a shape:  dx = dy, which the walker sums. */
const expand: Rule = (_c, _node, dy) => [dy, null];

/** y = x in another type:  dx = dy in the type of x; none where x is not real. */
const cast: Rule = (c, { inputs: [x = ''] }, dy) => {
  const type = c.dtypeOf(x);
  if (!['float32', 'float64', 'float16', 'bfloat16'].includes(type)) return [null];
  const to = Object.entries(dataTypes).find(([, name]) => name === type)?.[0];
  return [c.dtypeOf(dy) === type ? dy : c.emit('Cast', [dy], { to: Number(to) })];
};

function zeros(c: Draft, shape: readonly number[]): string {
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
  Pad: pad,
  Gather: gather,
  Expand: expand,
  Cast: cast,
};
