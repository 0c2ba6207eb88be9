// How a kernel moves over an image: what Conv, ConvTranspose and the pools say by attributes, as plain numbers an axis. Takes the node
// and the sizes it works on; automatic padding is worked out here and nowhere else.
import { WhetError } from '../../errors.ts';
import { intAttribute, intsAttribute, nodeTitle, stringAttribute } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Shape } from '../operator.ts';

/** One number per spatial axis in every list. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before the first element, and after the last. */
  readonly begin: readonly number[];
  readonly end: readonly number[];
  readonly group: number;
}

type Size = readonly number[];

/** How far the kernel reaches on an axis. */
export function reach(window: Window, axis: number): number {
  return ((window.kernel[axis] as number) - 1) * (window.dilations[axis] as number) + 1;
}

/**
 * The window of a Conv or of a pool over an image of `size` (its spatial axes). Throws `operator-unsupported` for a dilated one whose padding
 * is SAME: ONNX Runtime refuses it in a Conv, and leaves the dilation out in pools.
 */
export function windowOf(node: Node, size: Size, kernel: Size): Window {
  const window = unpadded(node, size, kernel);
  if (stringAttribute(node, 'auto_pad', 'NOTSET').startsWith('SAME') && window.dilations.some((dilation) => dilation > 1)) {
    throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} is dilated and has automatic padding`, {
      hint: 'Export the model with explicit pads.',
    });
  }
  const total = size.map((length, axis) => {
    const stride = window.strides[axis] as number;
    return Math.max((Math.ceil(length / stride) - 1) * stride + reach(window, axis) - length, 0);
  });
  return { ...window, ...padding(node, total) };
}

/** Size that a Conv or pool gives: ⌊(size + pads − reach)/stride⌋ + 1, or ⌈…⌉ where no window then starts behind the image. */
export function windowsOver(window: Window, size: Size, ceil = false): Size {
  return size.map((length, axis) => {
    const [stride, begin] = [window.strides[axis] as number, window.begin[axis] as number];
    const free = (length + begin + (window.end[axis] as number) - reach(window, axis)) / stride;
    if (!ceil) return Math.floor(free) + 1;
    const count = Math.ceil(free) + 1;
    return (count - 1) * stride >= length + begin ? count - 1 : count;
  });
}

/**
 * The window of a ConvTranspose that spreads an image of `size`, and the size it gives:
 * stride·(size − 1) + output padding + reach − pads.
 */
export function spreadOf(node: Node, size: Size, kernel: Size): { readonly window: Window; readonly size: Size } {
  const window = unpadded(node, size, kernel);
  const extra = intsAttribute(node, 'output_padding') ?? size.map(() => 0);
  const asked = intsAttribute(node, 'output_shape')?.slice(-size.length) ?? null;
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  const full = size.map((length, axis) => (window.strides[axis] as number) * (length - 1) + (extra[axis] as number) + reach(window, axis));
  const target = asked ?? (mode.startsWith('SAME') ? size.map((length, axis) => length * (window.strides[axis] as number)) : null);
  const excess = target?.map((length, axis) => Math.max((full[axis] as number) - length, 0)) ?? [];
  // The runtime puts the odd one at the beginning unless it is told SAME_UPPER.
  const shorter = excess.map((total) => Math.floor(total / 2));
  const longer = excess.map((total, axis) => total - (shorter[axis] as number));
  const upper = mode === 'SAME_UPPER';
  const padded = target === null ? padding(node, size) : { begin: upper ? shorter : longer, end: upper ? longer : shorter };
  const given = full.map((length, axis) => length - (padded.begin[axis] as number) - (padded.end[axis] as number));
  // A kernel shorter than its stride leaves an image smaller than SAME means; only a size that was asked for is made up with zeros.
  return { window: { ...window, ...padded }, size: asked ?? given };
}

/** The spatial sizes of [batch, channel, …]. Throws `operator-unsupported` where there are none. */
export function spatial(node: Node, x: Shape): Size {
  if (x.length >= 3) return x.slice(2);
  throw new WhetError('operator-unsupported', `node ${nodeTitle(node)} works on [${x}], which has no spatial axes`);
}

function unpadded(node: Node, size: Size, kernel: Size): Window {
  const ones = size.map(() => 1);
  return {
    kernel,
    strides: intsAttribute(node, 'strides') ?? ones,
    dilations: intsAttribute(node, 'dilations') ?? ones,
    begin: size.map(() => 0),
    end: size.map(() => 0),
    group: intAttribute(node, 'group', 1),
  };
}

/** The padding of each axis; `same` is what SAME means, before and after together. */
function padding(node: Node, same: Size): Pick<Window, 'begin' | 'end'> {
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  const small = same.map((total) => Math.floor(total / 2));
  const large = same.map((total) => Math.ceil(total / 2));
  if (mode === 'SAME_UPPER') return { begin: small, end: large };
  if (mode === 'SAME_LOWER') return { begin: large, end: small };
  const pads = mode === 'VALID' ? null : intsAttribute(node, 'pads');
  return {
    begin: same.map((_, axis) => pads?.[axis] ?? 0),
    end: same.map((_, axis) => pads?.[axis + same.length] ?? 0),
  };
}
