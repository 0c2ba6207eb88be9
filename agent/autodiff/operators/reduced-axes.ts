// Which axes a Reduce… node takes away, and the shape that is left.
import { intAttribute, intsAttribute, normalAxis } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Shape, ShapeRule, ShapeSource } from '../operator.ts';
import { known } from './elementwise.ts';

/** The axes a Reduce… node takes, from its attribute (opset < 18) or its second input; null where they depend on data. */
export function reducedAxes(node: Node, x: Shape, source: ShapeSource): readonly number[] | null {
  const asked = intsAttribute(node, 'axes') ?? (node.inputs[1] ? source.knownInts(node.inputs[1]) : []);
  if (asked === null) return null;
  if (asked.length === 0) return intAttribute(node, 'noop_with_empty_axes', 0) === 0 ? x.map((_, axis) => axis) : [];
  return asked.map((axis) => normalAxis(axis, x.length));
}

export const reducedShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const axes = x === undefined ? null : reducedAxes(node, x, source);
  if (x === undefined || axes === null) return [undefined];
  const keep = intAttribute(node, 'keepdims', 1) !== 0;
  return [x.flatMap((size, axis) => (!axes.includes(axis) ? [size] : keep ? [1] : []))];
};

/** One axis, 0 unless told. */
export const argShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  const axis = normalAxis(intAttribute(node, 'axis', 0), x?.length ?? 0);
  const keep = intAttribute(node, 'keepdims', 1) !== 0;
  return [x?.flatMap((size, at) => (at !== axis ? [size] : keep ? [1] : []))];
};
