// Shapes of convolutions and pools over [batch, channel, …].
import { intAttribute, intsAttribute } from '../attributes.ts';
import type { ShapeRule } from '../shapes.ts';
import { known } from './elementwise.ts';
import { spatial, spreadOf, windowOf, windowsOver } from './window.ts';

const conv: ShapeRule = (node, source) => {
  const [x, w] = node.inputs.map((name) => known(source, name));
  if (x === undefined || w === undefined) return [undefined];
  const size = spatial(node, x);
  return [[x[0] as number, w[0] as number, ...windowsOver(windowOf(node, size, w.slice(2)), size)]];
};

const convTranspose: ShapeRule = (node, source) => {
  const [x, w] = node.inputs.map((name) => known(source, name));
  if (x === undefined || w === undefined) return [undefined];
  const { size } = spreadOf(node, spatial(node, x), w.slice(2));
  return [[x[0] as number, (w[1] as number) * intAttribute(node, 'group', 1), ...size]];
};

/** Outputs: y, and where asked for the positions of the maxima. */
const pool: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const size = spatial(node, x);
  const window = windowOf(node, size, intsAttribute(node, 'kernel_shape') ?? size);
  const y = [...x.slice(0, 2), ...windowsOver(window, size, intAttribute(node, 'ceil_mode', 0) !== 0)];
  return node.outputs.map(() => y);
};

const globalPool: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  return [x?.map((size, axis) => (axis < 2 ? size : 1))];
};

export const convolutionShapes: Readonly<Record<string, ShapeRule>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  AveragePool: pool,
  MaxPool: pool,
  LpPool: pool,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
};
