// Folds of operators that move the elements of small tensors, or make tensors of numbers.
import { intAttribute, intsAttribute, normalAxis } from '../../onnx/attributes.ts';
import { sizeOf } from '../../onnx/ir.ts';
import type { Fold } from '../fold.ts';
import { sliceRanges } from '../operators/slice-ranges.ts';
import { elementAt, type Folder, filled, longestShape, type Small, smallOf, vector } from './small.ts';

const first = (inputs: readonly Small[]) => inputs[0] as Small;

/** The same elements in another shape. */
const inShape: Folder = (_node, inputs, dims) => (dims === null ? null : { ...first(inputs), dims });

/** Each element from a place of the first input. */
function picked(placeOf: (...of: Parameters<Folder>) => ((place: readonly number[]) => readonly number[]) | null): Folder {
  return (node, inputs, dims, source) => {
    const from = dims === null ? null : placeOf(node, inputs, dims, source);
    return from === null || dims === null
      ? null
      : { ...first(inputs), dims, values: filled(dims, (to) => elementAt(first(inputs), from(to))) };
  };
}

const transpose = picked((node, inputs) => {
  const rank = first(inputs).dims.length;
  const perm = intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  return (to) => perm.map((_, axis) => to[perm.indexOf(axis)] as number);
});

const slice = picked((node, _inputs, _dims, source) => {
  const ranges = sliceRanges(node, source);
  return ranges === null ? null : (to) => to.map((at, axis) => (ranges[axis]?.start ?? 0) + at * (ranges[axis]?.step ?? 1));
});

const gather = picked((node, inputs) => {
  const [x, indices] = inputs as readonly [Small, Small];
  const axis = normalAxis(intAttribute(node, 'axis', 0), x.dims.length);
  const size = x.dims[axis] as number;
  if (indices.values.some((at) => at < -size || at >= size)) return null;
  return (to) => {
    const at = elementAt(indices, to.slice(axis, axis + indices.dims.length));
    return [...to.slice(0, axis), normalAxis(at, size), ...to.slice(axis + indices.dims.length)];
  };
});

const concat: Folder = (node, inputs, dims) => {
  if (dims === null) return null;
  const axis = normalAxis(intAttribute(node, 'axis', 0), dims.length);
  const values = filled(dims, (place) => {
    let at = place[axis] as number;
    const part = inputs.find((input) => {
      const isHere = at < (input.dims[axis] as number);
      if (!isHere) at -= input.dims[axis] as number;
      return isHere;
    });
    return elementAt(part as Small, place.with(axis, at));
  });
  return { dtype: first(inputs).dtype, dims, values };
};

const range: Folder = (_node, inputs) => {
  const [start, limit, delta] = inputs.map(({ values }) => values[0]) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!(count <= longestShape)) return null;
  return vector(
    first(inputs).dtype,
    Array.from({ length: count }, (_, index) => start + index * delta),
  );
};

const constantOfShape: Folder = (node, inputs) => {
  const dims = first(inputs).values;
  const value = node.attributes.value?.kind === 'tensor' ? smallOf(node.attributes.value.value) : null;
  if (sizeOf(dims) > longestShape) return null;
  return { dtype: value?.dtype ?? 'float32', dims, values: Array<number>(sizeOf(dims)).fill(value?.values[0] ?? 0) };
};

const moved = (of: Folder): Fold => ({ kind: 'moved', of });

export const passed = moved((_node, inputs) => first(inputs));
export const reshaped = moved(inShape);
export const expanded = moved(picked(() => (to) => to));
export const transposed = moved(transpose);
export const sliced = moved(slice);
export const gathered = moved(gather);
export const joined = moved(concat);
export const counted = moved(range);
export const filledShape = moved(constantOfShape);
