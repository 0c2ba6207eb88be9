// What a Slice takes of each axis, with ends that lie behind the axis and counts from its end worked out.
import { normalAxis } from '../../onnx/attributes.ts';
import type { ShapeRule } from '../operator.ts';
import { known } from './elementwise.ts';

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
