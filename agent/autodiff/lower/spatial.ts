// Pools and reductions in columns: what works on the space of each channel of each image alone does not care which of batch and channels comes
// first. Reductions over other axes, and pools that give positions, stay as they are.
import { reducedAxes } from '../shapes/reduction.ts';
import type { LoweringRule } from './columns.ts';

const overSpace: LoweringRule = (l, node) => {
  const columns = l.held(node.inputs[0] as string);
  const [shape] = columns === null ? [] : l.shapesOf(node);
  if (columns === null || shape === undefined || node.outputs.length !== 1) return false;
  const y = l.draft.emit(node.op, [l.view(columns), ...node.inputs.slice(1)], node.attributes, node.domain);
  l.hold(node.outputs[0] as string, y, shape);
  return true;
};

const reduction: LoweringRule = (l, node) => {
  const columns = l.held(node.inputs[0] as string);
  const axes = columns === null ? null : reducedAxes(node, columns.shape, l.draft);
  return axes?.every((axis) => axis >= 2) === true && overSpace(l, node);
};

export const spatialLowerings: Readonly<Record<string, LoweringRule>> = {
  AveragePool: overSpace,
  MaxPool: overSpace,
  GlobalMaxPool: overSpace,
  GlobalAveragePool: overSpace,
  ReduceMean: reduction,
  ReduceSum: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ReduceSumSquare: reduction,
};
