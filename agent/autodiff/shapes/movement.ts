// Shapes of operators that move elements without computing: reshapes, permutations, joins, cuts and look-ups.
import { WhetError } from '../../errors.ts';
import { type Node, sizeOf } from '../../onnx/ir.ts';
import { intAttribute, intsAttribute, nodeTitle, normalAxis } from '../attributes.ts';
import type { Shape, ShapeRule, ShapeSource } from '../shapes.ts';
import { broadcastShape, known } from './elementwise.ts';

const reshape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const target = source.knownInts(node.inputs[1] as string);
  if (x === undefined || target === null) return [undefined];
  const keepsZero = intAttribute(node, 'allowzero', 0) !== 0;
  const dims = target.map((size, axis) => (size === 0 && !keepsZero ? (x[axis] ?? 1) : size));
  const rest = sizeOf(dims.filter((size) => size !== -1));
  const shape = dims.map((size) => (size === -1 ? sizeOf(x) / rest : size));
  if (sizeOf(shape) !== sizeOf(x) || !shape.every(Number.isInteger)) {
    throw new WhetError('model-unsupported', `node ${nodeTitle(node)} reshapes [${x}] to [${target}], which does not fit`, {
      hint: 'Was the model exported with a fixed batch of another size? Export it with a dynamic batch.',
    });
  }
  return [shape];
};

const flatten: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', 1), x.length);
  return [[sizeOf(x.slice(0, axis)), sizeOf(x.slice(axis))]];
};

const squeeze: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const asked =
    intsAttribute(node, 'axes') ?? (node.inputs[1] ? source.knownInts(node.inputs[1]) : x.flatMap((n, i) => (n === 1 ? [i] : [])));
  const axes = asked?.map((axis) => normalAxis(axis, x.length));
  return [axes === undefined ? undefined : x.filter((_, axis) => !axes.includes(axis))];
};

const unsqueeze: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const asked = intsAttribute(node, 'axes') ?? source.knownInts(node.inputs[1] ?? '');
  if (x === undefined || asked === null) return [undefined];
  const rank = x.length + asked.length;
  const axes = asked.map((axis) => normalAxis(axis, rank));
  const sizes = [...x];
  return [Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (sizes.shift() as number)))];
};

const transpose: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const perm = intsAttribute(node, 'perm') ?? x.map((_, axis) => x.length - 1 - axis);
  return [perm.map((axis) => x[axis] as number)];
};

const expand: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const target = source.knownInts(node.inputs[1] as string);
  return [x === undefined || target === null ? undefined : broadcastShape([x, target], node)];
};

const concat: ShapeRule = (node, source) => {
  const shapes = node.inputs.map((name) => known(source, name));
  const first = shapes[0];
  if (first === undefined || shapes.some((shape) => shape === undefined)) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', 0), first.length);
  const total = (shapes as Shape[]).reduce((sum, shape) => sum + (shape[axis] as number), 0);
  return [first.map((size, at) => (at === axis ? total : size))];
};

const split: ShapeRule = (node, source) => {
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

/** First and last element (exclusive) and step that a Slice takes of each axis; null where it is not known. */
export function sliceRanges(
  ...[node, source]: Parameters<ShapeRule>
): readonly { readonly start: number; readonly end: number; readonly step: number }[] | null {
  const x = known(source, node.inputs[0] as string);
  const [starts, ends, axesInput, stepsInput] = [1, 2, 3, 4].map((index) => source.knownInts(node.inputs[index] ?? ''));
  if (x === undefined || !starts || !ends || (node.inputs[3] && !axesInput) || (node.inputs[4] && !stepsInput)) return null;
  const axes = (axesInput ?? starts.map((_, index) => index)).map((axis) => normalAxis(axis, x.length));
  return x.map((size, axis) => {
    const index = axes.indexOf(axis);
    if (index < 0) return { start: 0, end: size, step: 1 };
    const step = stepsInput?.[index] ?? 1;
    const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const [start, end] = [starts[index] as number, ends[index] as number];
    return step > 0
      ? { start: clamp(start, 0, size), end: clamp(end, 0, size), step }
      : { start: clamp(start, 0, size - 1), end: end < -size ? -1 : clamp(end, -1, size - 1), step };
  });
}

const slice: ShapeRule = (node, source) => {
  const ranges = sliceRanges(node, source);
  return [ranges?.map(({ start, end, step }) => Math.max(0, Math.ceil((end - start) / step)))];
};

const gather: ShapeRule = (node, source) => {
  const [x, index] = node.inputs.map((name) => known(source, name));
  if (x === undefined || index === undefined) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', 0), x.length);
  return [[...x.slice(0, axis), ...index, ...x.slice(axis + 1)]];
};

const oneHot: ShapeRule = (node, source) => {
  const indices = known(source, node.inputs[0] as string);
  const depth = source.known(node.inputs[1] as string)?.data[0];
  if (indices === undefined || depth === undefined) return [undefined];
  const axis = normalAxis(intAttribute(node, 'axis', -1), indices.length + 1);
  return [indices.toSpliced(axis, 0, Math.trunc(Number(depth)))];
};

/** Elements that a Pad adds (or, negative, takes) before and after each axis; null where that depends on data. */
export function padsOf(
  node: Node,
  x: Shape,
  source: ShapeSource,
): { readonly begin: readonly number[]; readonly end: readonly number[] } | null {
  const pads = source.knownInts(node.inputs[1] ?? '');
  const axes = node.inputs[3] ? source.knownInts(node.inputs[3]) : x.map((_, axis) => axis);
  if (pads === null || axes === null) return null;
  const places = axes.map((axis) => normalAxis(axis, x.length));
  const at = (axis: number, offset: number) => (places.includes(axis) ? (pads[places.indexOf(axis) + offset] as number) : 0);
  return { begin: x.map((_, axis) => at(axis, 0)), end: x.map((_, axis) => at(axis, places.length)) };
}

const pad: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const pads = x === undefined ? null : padsOf(node, x, source);
  return [pads === null ? undefined : x?.map((size, axis) => size + (pads.begin[axis] as number) + (pads.end[axis] as number))];
};

const tile: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const repeats = source.knownInts(node.inputs[1] as string);
  return [repeats === null ? undefined : x?.map((size, axis) => size * (repeats[axis] as number))];
};

const depthToSpace: ShapeRule = (node, source) => {
  const s = intAttribute(node, 'blocksize', 1);
  const [n = 1, channels = 1, height = 1, width = 1] = known(source, node.inputs[0] as string) ?? [];
  if (!source.hasShape(node.inputs[0] as string)) return [undefined];
  return [node.op === 'DepthToSpace' ? [n, channels / (s * s), height * s, width * s] : [n, channels * s * s, height / s, width / s]];
};

/** As its indices. */
const gatherElements: ShapeRule = (node, source) => [known(source, node.inputs[1] as string)];

const gatherNd: ShapeRule = (node, source) => {
  const [x, indices] = node.inputs.map((name) => known(source, name));
  if (x === undefined || indices === undefined) return [undefined];
  return [[...indices.slice(0, -1), ...x.slice(intAttribute(node, 'batch_dims', 0) + (indices.at(-1) as number))]];
};

const asInput: ShapeRule = (node, source) => [known(source, node.inputs[0] as string)];

/** The sizes that a Shape node tells of: those from `start` to `end`, both kept within the axes that there are. */
export function measuredAxes(node: Node, x: Shape): Shape {
  const within = (axis: number) => Math.min(Math.max(normalAxis(axis, x.length), 0), x.length);
  const [start, end] = [within(intAttribute(node, 'start', 0)), within(intAttribute(node, 'end', x.length))];
  return x.slice(start, end);
}

const measured: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  return [x === undefined ? undefined : [measuredAxes(node, x).length]];
};

/** The shape is the value of its input. */
const ofShape: ShapeRule = (node, source) => [source.knownInts(node.inputs[0] as string) ?? undefined];

const range: ShapeRule = (node, source) => {
  const [start, limit, delta] = node.inputs.map((name) => Number(source.known(name)?.data[0] ?? Number.NaN)) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  return [Number.isFinite(count) ? [count] : undefined];
};

export const movementShapes: Readonly<Record<string, ShapeRule>> = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  OneHot: oneHot,
  Pad: pad,
  ScatterND: asInput,
  ScatterElements: asInput,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: depthToSpace,
  ConstantOfShape: ofShape,
  Range: range,
  EyeLike: asInput,
  Shape: measured,
  Size: () => [[]],
};
