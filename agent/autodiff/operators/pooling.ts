// Pools over [n, c, …]. The gradients of those with windows give each element of dy back to the elements of its window.
import { intAttribute, intsAttribute } from '../../onnx/attributes.ts';
import { type Node, sizeOf, type Tensor } from '../../onnx/ir.ts';
import type { Draft } from '../draft.ts';
import { mean, overSpace } from '../lower/spatial.ts';
import type { Family, Gradient, ShapeRule } from '../operator.ts';
import { spread } from './convolution.ts';
import { known } from './elementwise.ts';
import { withoutEmptyWindows } from './empty-windows.ts';
import { sharedExtreme } from './reduction.ts';
import { spatial, type Window, windowOf, windowsOver } from './window.ts';

/** Outputs: y, and where asked for the positions of the maxima. */
const poolShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  if (x === undefined) return [undefined];
  const size = spatial(node, x);
  const window = windowOf(node, size, intsAttribute(node, 'kernel_shape') ?? size);
  const y = [...x.slice(0, 2), ...windowsOver(window, size, intAttribute(node, 'ceil_mode', 0) !== 0)];
  return node.outputs.map(() => y);
};

const globalShape: ShapeRule = (node, source) => {
  const x = known(source, node.inputs[0] as string);
  return [x?.map((size, axis) => (axis < 2 ? size : 1))];
};

function poolWindow(c: Draft, node: Node): { readonly window: Window; readonly size: readonly number[] } {
  const size = spatial(node, c.shape(node.inputs[0] as string));
  return { size, window: windowOf(node, size, intsAttribute(node, 'kernel_shape') ?? size) };
}

/** y = Σ over the window / count:  dx = Σ over the windows of an element of dy / count. Channels are alike, so they join the batch. */
const averagePool: Gradient = (c, node, dy) => {
  const { window, size } = poolWindow(c, node);
  const [batch = 1, channels = 1, ...windows] = c.shape(dy);
  const counts = windowCounts(window, size, windows, intAttribute(node, 'count_include_pad', 0) !== 0);
  const share = c.div(c.reshape(dy, [batch * channels, 1, ...windows]), real(c, `${node.outputs[0]}/counts`, [1, 1, ...windows], counts));
  const ones = Array<number>(sizeOf(window.kernel)).fill(1);
  const w = real(c, `${node.outputs[0]}/ones`, [1, 1, ...window.kernel], ones);
  return [c.reshape(spread(c, node, share, w, window, size), [batch, channels, ...size])];
};

/**
 * How many elements each window averages: those inside the image, with the padding where that counts too. A window that reaches beyond
 * the padding (ceil_mode) is smaller by that.
 */
function windowCounts(window: Window, size: readonly number[], windows: readonly number[], withPadding: boolean): readonly number[] {
  const along = size.map((length, axis) => {
    const [begin, end] = [window.begin[axis] as number, window.end[axis] as number];
    const [low, high] = withPadding ? [-begin, length + end] : [0, length];
    return Array.from({ length: windows[axis] as number }, (_, index) => {
      const start = index * (window.strides[axis] as number) - begin;
      const places = Array.from({ length: window.kernel[axis] as number }, (_, k) => start + k * (window.dilations[axis] as number));
      return places.filter((place) => place >= low && place < high).length;
    });
  });
  return along.reduce<readonly number[]>((all, counts) => all.flatMap((count) => counts.map((next) => count * next)), [1]);
}

/** y = max of the window:  dx = dy at the place of the maximum (the first one, in a tie), summed over windows. */
const maxPool: Gradient = (c, node, dy) => {
  const [x] = node.inputs as readonly [string];
  const { storage_order: _order, ...attributes } = node.attributes;
  const [, places = ''] = c.emitMany('MaxPool', [x], 2, attributes);
  const shape = c.shape(x);
  const [all, some] = [[sizeOf(shape)], [sizeOf(c.shape(dy))]];
  const zeros = c.emit('Expand', [0, c.ints(all)]);
  const flat = c.emit('ScatterElements', [zeros, c.reshape(places, some), c.reshape(dy, some)], { axis: 0, reduction: 'add' });
  return [c.reshape(flat, shape)];
};

function real(c: Draft, name: string, dims: readonly number[], values: readonly number[]): string {
  const data: Tensor['data'] = c.dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
  return c.constant(name, { dtype: c.dtype, dims, data });
}

/** y = (Σ |x|ᵖ)^(1/p) of the window:  dx = sign x·|x|^(p−1)·Σ over the windows of an element of dy·y^(1−p), and 0 where y = 0. */
const lpPool: Gradient = (c, node, dy) => {
  const [x] = node.inputs as readonly [string];
  const { window, size } = poolWindow(c, node);
  const [batch = 1, channels = 1, ...windows] = c.shape(dy);
  const share = c.reshape(lpShare(c, node, dy), [batch * channels, 1, ...windows]);
  const w = real(c, `${node.outputs[0]}/ones`, [1, 1, ...window.kernel], Array<number>(sizeOf(window.kernel)).fill(1));
  return [c.mul(lpSlope(c, node, x), c.reshape(spread(c, node, share, w, window, size), [batch, channels, ...size]))];
};

/** dy·y^(1−p). */
function lpShare(c: Draft, node: Node, dy: string): string {
  const y = node.outputs[0] as string;
  const isThere = c.greater(y, 0);
  return c.where(isThere, c.mul(dy, c.emit('Pow', [c.where(isThere, y, 1), 1 - intAttribute(node, 'p', 2)])), 0);
}

/** sign x·|x|^(p−1). */
function lpSlope(c: Draft, node: Node, x: string): string {
  return c.mul(c.emit('Sign', [x]), c.emit('Pow', [c.emit('Abs', [x]), intAttribute(node, 'p', 2) - 1]));
}

const spatialAxes = (c: Draft, node: Node) => c.shape(node.inputs[0] as string).flatMap((_, axis) => (axis < 2 ? [] : [axis]));

/** y = (Σ |x|ᵖ)^(1/p) over everything but batch and channel:  dx = sign x·|x|^(p−1)·dy·y^(1−p). */
const globalLpPool: Gradient = (c, node, dy) => [c.mul(lpSlope(c, node, node.inputs[0] as string), lpShare(c, node, dy))];

/** y = mean of x over everything but batch and channel:  dx = dy/n. */
const globalAveragePool: Gradient = (c, node, dy) => [c.mul(dy, 1 / sizeOf(c.shape(node.inputs[0] as string).slice(2)))];

/** y = max of x over everything but batch and channel:  dx = dy·[x = y] / number of elements that reach y. */
const globalMaxPool: Gradient = (c, node, dy) => [
  sharedExtreme(c, node.inputs[0] as string, node.outputs[0] as string, dy, spatialAxes(c, node)),
];

export const pools: Family = {
  AveragePool: { shape: poolShape, gradient: averagePool, lower: overSpace, rewrite: withoutEmptyWindows },
  MaxPool: { shape: poolShape, gradient: maxPool, lower: overSpace, rewrite: withoutEmptyWindows },
  LpPool: { shape: poolShape, gradient: lpPool, rewrite: withoutEmptyWindows },
  GlobalLpPool: { shape: globalShape, gradient: globalLpPool },
  GlobalAveragePool: { shape: globalShape, gradient: globalAveragePool, lower: mean },
  GlobalMaxPool: { shape: globalShape, gradient: globalMaxPool, lower: overSpace },
};
