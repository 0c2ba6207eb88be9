// What a Resize makes of each axis, and its shape. Takes scales or sizes, of all axes or of those that the node names.
import type { Node } from '../../onnx/ir.ts';
import { intsAttribute, normalAxis, stringAttribute } from '../attributes.ts';
import type { ShapeRule, ShapeSource } from '../shapes.ts';
import { known } from './elementwise.ts';

interface ResizedAxis {
  readonly axis: number;
  /** null where the node says sizes. */
  readonly scale: number | null;
  readonly size: number;
}

/** Inputs: x, region (unused), scales, sizes. null where they depend on data. */
export function resizedAxes(node: Node, source: ShapeSource): readonly ResizedAxis[] | null {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return null;
  const axes = (intsAttribute(node, 'axes') ?? x.map((_, axis) => axis)).map((axis) => normalAxis(axis, x.length));
  const sizes = source.knownInts(node.inputs[3] ?? '');
  if (sizes?.length === axes.length) {
    if (stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch') return null;
    return axes.map((axis, index) => ({ axis, scale: null, size: sizes[index] as number }));
  }
  const scales = source.known(node.inputs[2] ?? '');
  if (scales?.data.length !== axes.length) return null;
  return axes.map((axis, index) => {
    const scale = Number(scales.data[index]);
    // In single precision, as the runtime multiplies.
    return { axis, scale: scale === 1 ? null : scale, size: Math.floor(Math.fround((x[axis] as number) * scale)) };
  });
}

const resize: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const axes = resizedAxes(node, source);
  return [axes === null ? undefined : x?.map((size, axis) => axes.find((each) => each.axis === axis)?.size ?? size)];
};

export const resamplingShapes: Readonly<Record<string, ShapeRule>> = { Resize: resize };
