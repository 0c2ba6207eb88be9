// Pools and reductions in columns: what works on the space of each channel of each image alone does not care which of batch and channels comes
// first. Reductions over other axes, and pools that give positions, stay as they are.
import { sizeOf } from '../../onnx/ir.ts';
import { reducedAxes } from '../operators/reduced-axes.ts';
import type { LoweringRule } from './columns.ts';

export const overSpace: LoweringRule = (l, node) => {
  const columns = l.held(node.inputs[0] as string);
  const [shape] = columns === null ? [] : l.shapesOf(node);
  if (columns === null || shape === undefined || node.outputs.length !== 1) return false;
  const y = l.draft.emit(node.op, [l.view(columns), ...node.inputs.slice(1)], node.attributes, node.domain);
  l.hold(node.outputs[0] as string, y, shape);
  return true;
};

/** The mean of an image, as a sum along the rows of the matrix: the runtime's pool would change the layout first. */
export const mean: LoweringRule = (l, node) => {
  const columns = l.held(node.inputs[0] as string);
  const [shape] = columns === null ? [] : l.shapesOf(node);
  if (columns === null || shape === undefined) return false;
  const [batch = 1, channels = 1, ...space] = columns.shape;
  const rows = l.draft.reshape(columns.value, [channels, batch, sizeOf(space)]);
  l.hold(node.outputs[0] as string, l.draft.mul(l.draft.sum(rows, [2]), 1 / sizeOf(space)), shape);
  return true;
};

export const reducedMean: LoweringRule = (l, node) => {
  const columns = l.held(node.inputs[0] as string);
  const axes = columns === null ? null : reducedAxes(node, columns.shape, l.draft);
  const isWhole = columns !== null && axes !== null && columns.shape.every((_, axis) => axis >= 2 === axes.includes(axis));
  return isWhole ? mean(l, node) : reduction(l, node);
};

export const reduction: LoweringRule = (l, node) => {
  const columns = l.held(node.inputs[0] as string);
  const axes = columns === null ? null : reducedAxes(node, columns.shape, l.draft);
  return axes?.every((axis) => axis >= 2) === true && overSpace(l, node);
};
