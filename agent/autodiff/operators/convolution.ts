// Convolutions of any number of spatial axes, stride, padding, dilation and group. With x [n, c, …], w [m, c/g, …] and
// p the padding:  y[n, m, o] = Σ w[m, c, k]·x[n, c, o·stride + k·dilation − p].
import { intAttribute } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Draft } from '../draft.ts';
import { conv as loweredConv } from '../lower/convolution.ts';
import type { Family, Gradient, ShapeRule } from '../operator.ts';
import { known } from './elementwise.ts';
import { reach, spatial, spreadOf, type Window, windowOf, windowsOver } from './window.ts';

const convShape: ShapeRule = (node, source) => {
  const [x, w] = node.inputs.map((name) => known(source, name));
  if (x === undefined || w === undefined) return [undefined];
  const size = spatial(node, x);
  return [[x[0] as number, w[0] as number, ...windowsOver(windowOf(node, size, w.slice(2)), size)]];
};

const convTransposeShape: ShapeRule = (node, source) => {
  const [x, w] = node.inputs.map((name) => known(source, name));
  if (x === undefined || w === undefined) return [undefined];
  const { size } = spreadOf(node, spatial(node, x), w.slice(2));
  return [[x[0] as number, (w[1] as number) * intAttribute(node, 'group', 1), ...size]];
};

/** dx spreads dy over w (a ConvTranspose);  dw[m, c, k] = Σ dy[n, m, o]·x[n, c, o·stride + k·dilation − p];  db = Σ dy. */
const conv: Gradient = (c, node, dy) => {
  const [x, w] = node.inputs as readonly [string, string];
  const size = spatial(node, c.shape(x));
  const window = windowOf(node, size, c.shape(w).slice(2));
  const dx = spread(c, node, dy, w, window, size);
  return [dx, weightGradient(c, x, dy, window), ...biasGradient(c, node, dy)];
};

/** y spreads x over w [c, m/g, …], so dx = Conv(dy, w), and dw is that of a Conv from y to x:  dw[c, m, k] = Σ x[n, c, o]·dy[n, m, …]. */
const convTranspose: Gradient = (c, node, dy) => {
  const [x, w] = node.inputs as readonly [string, string];
  const size = spatial(node, c.shape(x));
  const { window } = spreadOf(node, size, c.shape(w).slice(2));
  const dx = cropped(c, c.emit('Conv', [dy, w], attributes(window)), size);
  return [dx, weightGradient(c, dy, x, window), ...biasGradient(c, node, dy)];
};

/**
 * Σ over windows: puts dy [n, m, …o] back to [n, c, …size], each element times the kernel w [m, c/g, …] at the place of its window. What falls
 * behind the last window is zero.
 */
export function spread(c: Draft, node: Node, dy: string, w: string, window: Window, size: readonly number[]): string {
  const windows = spatial(node, c.shape(dy));
  // How far the windows reach beyond the image, padding included; less than nothing where they do not reach its end.
  const over = size.map((length, axis) => {
    const last = (window.strides[axis] as number) * ((windows[axis] as number) - 1) + reach(window, axis);
    return last - (window.begin[axis] as number) - length;
  });
  return c.emit('ConvTranspose', [dy, w], {
    ...attributes({ ...window, end: over.map((excess) => Math.max(excess, 0)) }),
    output_padding: over.map((excess) => Math.max(-excess, 0)),
  });
}

/**
 * dw [m, c/g, …k] of a Conv from `image` [n, c, …] to `dy` [n, m, …]: a Conv in which batch and channels change places, dy is the kernel, and
 * stride and dilation change places too. The batch of a group is summed as the channels of a group: image [c/g, g·n, …], kernel [m, n, …].
 */
function weightGradient(c: Draft, image: string, dy: string, window: Window): string {
  const [batch = 1, channels = 1, ...size] = c.shape(image);
  const { group } = window;
  const rest = size.map((_, axis) => axis + 3);
  const grouped = c.reshape(image, [batch, group, channels / group, ...size]);
  const swapped = c.reshape(c.transpose(grouped, [2, 1, 0, ...rest]), [channels / group, group * batch, ...size]);
  const kernel = c.transpose(dy, [
    1,
    0,
    ...c
      .shape(dy)
      .slice(2)
      .map((_, axis) => axis + 2),
  ]);
  const { strides: dilations, dilations: strides } = window;
  const dw = c.emit('Conv', [swapped, kernel], attributes({ ...window, kernel: c.shape(dy).slice(2), strides, dilations }));
  return c.transpose(cropped(c, dw, window.kernel), [1, 0, ...window.kernel.map((_, axis) => axis + 2)]);
}

function biasGradient(c: Draft, node: Node, dy: string): readonly (string | null)[] {
  const others = c.shape(dy).flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  return node.inputs.slice(2).map((name) => (name === '' ? null : c.sum(dy, others)));
}

/** What a Conv computes beyond the wanted size goes away: windows that a stride left out. */
function cropped(c: Draft, x: string, size: readonly number[]): string {
  const found = c.shape(x).slice(2);
  if (found.every((length, axis) => length === size[axis])) return x;
  const axes = size.map((_, axis) => axis + 2);
  return c.emit('Slice', [x, c.ints(size.map(() => 0)), c.ints(size), c.ints(axes)]);
}

function attributes(window: Window) {
  const { kernel, strides, dilations, begin, end, group } = window;
  return { kernel_shape: kernel, strides, dilations, pads: [...begin, ...end], group };
}

export const convolutions: Family = {
  Conv: { shape: convShape, gradient: conv, lower: loweredConv },
  ConvTranspose: { shape: convTransposeShape, gradient: convTranspose },
};
