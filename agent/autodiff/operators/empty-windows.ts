// Pools that round up (ceil_mode) where the last window would begin behind the image.
import { WhetError } from '../../errors.ts';
import { intAttribute, intsAttribute, nodeTitle } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { ShapeSource } from '../operator.ts';
import { known } from './elementwise.ts';
import { reach, spatial, windowOf, windowsOver } from './window.ts';

/**
 * The pool with explicit padding in the place of ceil_mode, where rounding up would begin a window behind the image: the runtime leaves that
 * window out, but ONNX's own shape inference before opset 22 counts it, and a graph that relies on the size then does not load. Any other node as
 * it is. Throws `operator-unsupported` where padding would change what the windows average.
 */
export function withoutEmptyWindows(node: Node, source: ShapeSource): Node {
  const x = intAttribute(node, 'ceil_mode', 0) === 0 ? undefined : known(source, node.inputs[0] ?? '');
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
