// Shapes of convolutions and pools over [batch, channel, …].
import { WhetError } from '../../errors.ts';
import type { Node } from '../../onnx/ir.ts';
import { intAttribute, intsAttribute, nodeTitle } from '../attributes.ts';
import type { ShapeRule, ShapeSource } from '../shapes.ts';
import { known } from './elementwise.ts';
import { reach, spatial, spreadOf, windowOf, windowsOver } from './window.ts';

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

const pools: ReadonlySet<string> = new Set(['AveragePool', 'MaxPool', 'LpPool']);

/**
 * The pool with explicit padding in the place of ceil_mode, where rounding up would begin a window behind the image: the runtime leaves that
 * window out, but ONNX's own shape inference before opset 22 counts it, and a graph that relies on the size then does not load. Any other node as
 * it is. Throws `operator-unsupported` where padding would change what the windows average.
 */
export function withoutEmptyWindows(node: Node, source: ShapeSource): Node {
  const x =
    node.domain === '' && pools.has(node.op) && intAttribute(node, 'ceil_mode', 0) !== 0 ? known(source, node.inputs[0] ?? '') : undefined;
  if (x === undefined) return node;
  const size = spatial(node, x);
  const window = windowOf(node, size, intsAttribute(node, 'kernel_shape') ?? size);
  const counts = windowsOver(window, size, true);
  const over = size.map((length, axis) => {
    const last = ((counts[axis] as number) - 1) * (window.strides[axis] as number) + reach(window, axis);
    return last - (window.begin[axis] as number) - length - (window.end[axis] as number);
  });
  // Something is left behind the last window: rounding up would have begun another one there.
  if (over.every((excess) => excess >= 0)) return node;
  const end = window.end.map((pad, axis) => pad + Math.max(over[axis] as number, 0));
  if (end.some((pad, axis) => pad !== window.end[axis]) && intAttribute(node, 'count_include_pad', 0) !== 0) {
    throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} rounds up (ceil_mode) over its padding and counts that`, {
      hint: 'Export the model with explicit pads, or train fewer layers (--layers).',
    });
  }
  const { ceil_mode: _ceil, auto_pad: _auto, ...attributes } = node.attributes;
  return { ...node, attributes: { ...attributes, pads: { kind: 'ints', value: [...window.begin, ...end] } } };
}

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
