// Operators that move elements, in columns: reshapes that leave batch and channels alone, joining and cutting channels.
import { intAttribute, normalAxis } from '../../onnx/attributes.ts';
import type { LoweringRule } from './columns.ts';

/** The space gets other axes: the columns stay what they are. */
export const reshape: LoweringRule = (l, node) => {
  const columns = l.held(node.inputs[0] as string);
  const [shape] = columns === null ? [] : l.shapesOf(node);
  if (columns === null || shape === undefined || shape.length < 2) return false;
  if (shape[0] !== columns.shape[0] || shape[1] !== columns.shape[1]) return false;
  l.hold(node.outputs[0] as string, columns.value, shape);
  return true;
};

/** Channels of images of one size, one after the other. */
export const concat: LoweringRule = (l, node) => {
  const first = node.inputs.map((name) => l.held(name)).find((each) => each !== null);
  const [shape] = first === undefined ? [] : l.shapesOf(node);
  if (shape === undefined || normalAxis(intAttribute(node, 'axis', 0), shape.length) !== 1) return false;
  const parts = node.inputs.map((name) => l.columns(name).value);
  l.hold(node.outputs[0] as string, l.draft.emit('Concat', parts, { axis: 0 }), shape);
  return true;
};

export const split: LoweringRule = (l, node) => {
  const columns = l.held(node.inputs[0] as string);
  const shapes = columns === null ? [] : l.shapesOf(node);
  if (columns === null || shapes.includes(undefined) || shapes.length === 0) return false;
  if (normalAxis(intAttribute(node, 'axis', 0), columns.shape.length) !== 1) return false;
  const sizes = shapes.map((shape) => (shape as readonly number[])[1] as number);
  const parts = l.draft.emitMany('Split', [columns.value, l.draft.ints(sizes)], sizes.length, { axis: 0 });
  node.outputs.forEach((name, index) => {
    if (name !== '') l.hold(name, parts[index] as string, shapes[index] as readonly number[]);
  });
  return true;
};
