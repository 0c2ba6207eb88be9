// Convolutions in columns. 1×1: one matrix product. Depthwise on small maps: a product with a band matrix for each channel. A normalization with
// fixed statistics behind a convolution goes into its weights. Other convolutions stay as they are.
import { type Node, sizeOf } from '../../onnx/ir.ts';
import { spatial, type Window, windowOf, windowsOver } from '../operators/window.ts';
import { bandIsFaster, bandPattern } from './band.ts';
import type { Lowering, LoweringRule } from './columns.ts';
import { type Affine, affineOf } from './normalization.ts';

export const conv: LoweringRule = (l, node) => {
  const c = l.draft;
  const [x, w, b] = node.inputs as readonly [string, string, string?];
  const [batch = 1, channels = 1, ...size] = l.shape(x);
  for (const name of node.inputs.slice(1)) l.plain(name);
  const kernel = c.shape(w).slice(2);
  const window = windowOf(node, spatial(node, l.shape(x)), kernel);
  const out = windowsOver(window, size);
  const isPointwise = [...kernel, ...window.strides].every((n) => n === 1) && [...window.begin, ...window.end].every((n) => n === 0);
  const isBand = window.group === channels && bandIsFaster(batch, sizeOf(size), sizeOf(out), sizeOf(kernel));
  if (!isPointwise && !isBand) return false;
  const { weight, bias, output } = folded(l, node, w, b);
  const y = isPointwise ? pointwise(l, x, weight, bias, window.group) : depthwise(l, x, weight, bias, window, size, out);
  l.hold(output, y, [batch, c.shape(w)[0] as number, ...out]);
  return true;
};

/** The matrix [out, in/group·kernel] of the weights and the bias [out, 1], with what a following normalization does in them. */
function folded(l: Lowering, node: Node, w: string, b: string | undefined): { weight: string; bias: string | null; output: string } {
  const c = l.draft;
  const [channels = 1, ...rest] = c.shape(w);
  const weight = c.reshape(w, [channels, sizeOf(rest)]);
  const bias = b ? c.reshape(b, [channels, 1]) : null;
  const [output] = node.outputs as readonly [string];
  const next = l.onlyReader(output);
  // What is computed between the two nodes, or is held in columns, is not there yet.
  const isReady = next?.inputs[0] === output && next.inputs.slice(1).every((name) => c.hasShape(name));
  const affine: Affine | null = next !== null && isReady ? affineOf(c, next) : null;
  if (next === null || affine === null) return { weight, bias, output };
  l.take(next);
  const moved = bias === null ? affine.shift : c.plus(c.mul(bias, affine.scale), affine.shift);
  return { weight: c.mul(weight, affine.scale), bias: moved, output: next.outputs[0] as string };
}

/** y = W·x + b; of several groups each has its own W. */
function pointwise(l: Lowering, x: string, weight: string, bias: string | null, group: number): string {
  const c = l.draft;
  const { value } = l.columns(x);
  if (group === 1) return c.emit('Gemm', bias === null ? [weight, value] : [weight, value, bias]);
  const [[outputs = 1, inner = 1], [, places = 1]] = [c.shape(weight), c.shape(value)];
  const parts = c.reshape(value, [group, inner, places]);
  const y = c.reshape(c.emit('MatMul', [c.reshape(weight, [group, outputs / group, inner]), parts]), [outputs, places]);
  return bias === null ? y : c.plus(y, bias);
}

/** y = x·M + b for each channel, x [batch, places], M [places, places′] made of the weights; several outputs of a channel have an M each. */
function depthwise(
  l: Lowering,
  x: string,
  weight: string,
  bias: string | null,
  window: Window,
  size: readonly number[],
  out: readonly number[],
): string {
  const c = l.draft;
  const columns = l.columns(x);
  const [batch = 1, channels = 1] = columns.shape;
  const [outputs = 1] = c.shape(weight);
  const [places, placesOut] = [sizeOf(size), sizeOf(out)];
  const name = `band ${size} ${window.kernel} ${window.strides} ${window.dilations} ${window.begin} ${window.end}`;
  if (c.known(name) === null) c.constant(name, bandPattern(window, size, out, c.dtype));
  const band = c.emit('Gemm', [weight, name]);
  const each = outputs / channels;
  const lead = each === 1 ? [channels] : [channels, each];
  const image = c.reshape(columns.value, each === 1 ? [channels, batch, places] : [channels, 1, batch, places]);
  const y = c.emit('MatMul', [image, c.reshape(band, [...lead, places, placesOut])]);
  const matrix = c.reshape(y, [outputs, batch * placesOut]);
  return bias === null ? matrix : c.plus(matrix, bias);
}
