// Cases of convolutions and pools, in one to three spatial dimensions, of every stride, padding, dilation and group.

import { awayFromZero, type Case, distinct, makeCase, values } from './case.ts';
import type { Random } from './random.ts';
import { type Tf, tf } from './tensorflow.ts';

type MakeCase = (r: Random) => Case;

interface Form {
  readonly size: readonly number[];
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** null where the padding is automatic. */
  readonly pads: readonly number[] | null;
  readonly attributes: Readonly<Record<string, string | readonly number[]>>;
}

/** A window that fits into its image at least once. */
function form(r: Random, largestDilation: number, autoPads: readonly string[] = ['SAME_UPPER', 'SAME_LOWER', 'VALID']): Form {
  const axes = r.pick([1, 1, 2, 2, 2, 3]);
  const list = (low: number, high: number) => Array.from({ length: axes }, () => r.int(low, axes === 3 ? Math.min(high, 2) : high));
  const automatic = r.next() < 0.3 ? r.pick(autoPads) : null;
  const [kernel, dilations] = [list(1, 3), list(1, largestDilation)];
  // Where SAME would take away elements (a stride beyond the kernel), runtimes differ.
  const strides = automatic?.startsWith('SAME') ? kernel.map((k) => r.int(1, k)) : list(1, 3);
  const pads = automatic === null ? kernel.flatMap((k) => [r.int(0, k - 1)]).concat(kernel.map((k) => r.int(0, k - 1))) : null;
  const size = kernel.map((k, axis) => (k - 1) * (dilations[axis] as number) + 1 + r.int(0, 3));
  const attributes: Record<string, string | readonly number[]> = {};
  if (strides.some((s) => s > 1) || r.flag()) attributes.strides = strides;
  if (dilations.some((d) => d > 1)) attributes.dilations = dilations;
  if (automatic !== null) attributes.auto_pad = automatic;
  else if (pads?.some((pad) => pad > 0) || r.flag()) attributes.pads = pads ?? [];
  return {
    size,
    kernel,
    strides,
    dilations,
    pads: automatic === 'VALID' ? (pads ?? kernel.flatMap(() => [0, 0])) : pads,
    attributes,
  };
}

/** [n, c, …] → [n, h, w, c], with h = 1 where there is one spatial axis. */
const channelsLast = (x: Tf) => tf.transpose(x.rank === 3 ? tf.expandDims(x, 2) : x, [0, 2, 3, 1]) as never;
const channelsFirst = (y: Tf, axes: number) => {
  const back = tf.transpose(y, [0, 3, 1, 2]);
  return axes === 1 ? tf.squeeze(back, [2]) : back;
};
const padded = (x: Tf, pads: readonly number[]) => {
  const axes = pads.length / 2;
  return tf.pad(x, [[0, 0], [0, 0], ...Array.from({ length: axes }, (_, at) => [pads[at], pads[at + axes]])] as never);
};
const pair = (list: readonly number[]) => (list.length === 1 ? [1, ...list] : list) as [number, number];

/** The same Conv in TensorFlow.js, whose gradient knows no dilation and, but for one input channel a group, no groups. */
function tensorflowConv(f: Form, channels: number, group: number, outputs: number) {
  const isPlain = group === 1;
  const isDepthwise = group === channels && group > 1;
  if (f.size.length === 3 || f.pads === null || f.dilations.some((d) => d > 1) || !(isPlain || isDepthwise)) return undefined;
  return (x: Tf, w: Tf, b?: Tf) => {
    const image = channelsLast(padded(x, f.pads as readonly number[]));
    const kernel = tf.transpose(f.kernel.length === 1 ? tf.expandDims(w, 2) : w, [2, 3, 1, 0]);
    const y = isPlain
      ? tf.conv2d(image, kernel as never, pair(f.strides), 'valid')
      : tf.depthwiseConv2d(image, tf.reshape(kernel, [...pair(f.kernel), channels, outputs / channels]) as never, pair(f.strides), 'valid');
    return channelsFirst(b === undefined ? y : tf.add(y, b), f.kernel.length);
  };
}

const conv: MakeCase = (r) => {
  // The runtime refuses a dilated Conv whose padding is SAME.
  const f = r.flag() ? form(r, 2, ['VALID']) : form(r, 1);
  const group = r.pick([1, 1, 2, 3]);
  const channels = group * (r.flag() ? 1 : r.int(1, 2));
  const outputs = group * r.int(1, 2);
  const inputs = [values(r, [r.int(1, 3), channels, ...f.size]), values(r, [outputs, channels / group, ...f.kernel])];
  if (r.flag()) inputs.push(values(r, [outputs]));
  const tensorflow = tensorflowConv(f, channels, group, outputs);
  const attributes = { ...f.attributes, ...(group === 1 ? {} : { group }), ...(r.flag() ? { kernel_shape: f.kernel } : {}) };
  return makeCase('Conv', inputs, { attributes, double: false, linear: true, ...(tensorflow === undefined ? {} : { tensorflow }) });
};

const convTranspose: MakeCase = (r) => {
  const f = form(r, r.pick([1, 2]), ['VALID', 'SAME_UPPER', 'SAME_LOWER']);
  const group = r.pick([1, 1, 2, 3]);
  const channels = group * r.int(1, 2);
  const outputs = group * r.int(1, 2);
  const size = f.size.map(() => r.int(1, 4));
  const inputs = [values(r, [r.int(1, 3), channels, ...size]), values(r, [channels, outputs / group, ...f.kernel])];
  if (r.flag()) inputs.push(values(r, [outputs]));
  const reach = f.kernel.map((k, axis) => (k - 1) * (f.dilations[axis] as number) + 1);
  const given = { ...f.attributes };
  // Without padding every size is possible; a size asked for is that or a little less.
  const full = size.map((length, axis) => (f.strides[axis] as number) * (length - 1) + (reach[axis] as number));
  if (f.pads !== null && r.next() < 0.3) {
    delete given.pads;
    given.output_shape = full.map((length) => Math.max(length - r.int(0, 2), 1));
  } else if (f.pads !== null && r.flag()) {
    given.output_padding = f.strides.map((stride) => r.int(0, stride - 1));
  }
  if (full.some((length, axis) => length <= (f.pads?.[axis] ?? 0) + (f.pads?.[axis + full.length] ?? 0))) delete given.pads;
  const attributes = { ...given, ...(group === 1 ? {} : { group }) };
  const isPlain =
    f.size.length < 3 &&
    group === 1 &&
    f.dilations.every((d) => d === 1) &&
    given.pads === undefined &&
    given.auto_pad === undefined &&
    given.output_shape === undefined &&
    given.output_padding === undefined;
  const tensorflow = (x: Tf, w: Tf, b?: Tf) => {
    const image = channelsLast(x) as Tf;
    const kernel = tf.transpose(f.kernel.length === 1 ? tf.expandDims(w, 2) : w, [2, 3, 1, 0]);
    const shape = [...pair(full), outputs] as [number, number, number];
    const y = tf.conv2dTranspose(image as never, kernel as never, [image.shape[0] as number, ...shape], pair(f.strides), 'valid');
    return channelsFirst(b === undefined ? y : tf.add(y, b), f.kernel.length);
  };
  return makeCase('ConvTranspose', inputs, { attributes, double: false, linear: true, ...(isPlain ? { tensorflow } : {}) });
};

export const convolutionCases: Readonly<Record<string, MakeCase>> = { Conv: conv, ConvTranspose: convTranspose };

function pool(r: Random, dilated: boolean) {
  const f = dilated && r.flag() ? form(r, 2, ['VALID']) : form(r, 1);
  const ceil = f.attributes.auto_pad === undefined && r.flag();
  return {
    f,
    dims: [r.int(1, 2), r.int(1, 2), ...f.size],
    attributes: { ...f.attributes, kernel_shape: f.kernel, ...(ceil ? { ceil_mode: 1 } : {}) },
  };
}

export const poolingCases: Readonly<Record<string, MakeCase>> = {
  AveragePool: (r) => {
    const opset = r.pick([17, 19, 21]);
    const { f, dims, attributes } = pool(r, opset >= 19);
    const includes: Record<string, number> = r.flag() ? { count_include_pad: r.int(0, 1) } : {};
    const isPlain =
      f.size.length < 3 && !('ceil_mode' in attributes) && f.dilations.every((d) => d === 1) && f.pads?.every((pad) => pad === 0);
    const tensorflow = (x: Tf) => channelsFirst(tf.avgPool(channelsLast(x), pair(f.kernel), pair(f.strides), 'valid'), f.kernel.length);
    return makeCase('AveragePool', [values(r, dims)], {
      attributes: { ...attributes, ...includes },
      opset,
      double: false,
      linear: true,
      ...(isPlain ? { tensorflow } : {}),
    });
  },
  MaxPool: (r) => {
    const { f, dims, attributes } = pool(r, true);
    const isPlain =
      f.size.length < 3 && !('ceil_mode' in attributes) && f.dilations.every((d) => d === 1) && f.pads?.every((pad) => pad === 0);
    const tensorflow = (x: Tf) => channelsFirst(tf.maxPool(channelsLast(x), pair(f.kernel), pair(f.strides), 'valid'), f.kernel.length);
    return makeCase('MaxPool', [distinct(r, dims)], { attributes, outputs: r.int(1, 2), ...(isPlain ? { tensorflow } : {}) });
  },
  LpPool: (r) => {
    const { f, dims, attributes } = pool(r, false);
    const { ceil_mode: _ceil, ...plain } = attributes as typeof attributes & { ceil_mode?: number };
    return makeCase('LpPool', [awayFromZero(r, [...dims.slice(0, 2), ...f.size])], {
      attributes: { ...plain, p: r.int(1, 3) },
      double: false,
    });
  },
  GlobalLpPool: (r) => {
    const p = r.int(1, 3);
    const tensorflow = (x: Tf) => tf.pow(tf.sum(tf.pow(tf.abs(x), p), [2, 3], true), 1 / p);
    // The runtime has no newer one.
    return makeCase('GlobalLpPool', [awayFromZero(r, r.shape(4))], { attributes: { p }, tensorflow, opset: 17, double: false });
  },
  GlobalAveragePool: (r) => {
    const tensorflow = (x: Tf) => tf.mean(x, [2, 3], true);
    return makeCase('GlobalAveragePool', [values(r, r.shape(4))], { tensorflow, double: false, linear: true });
  },
  GlobalMaxPool: (r) => {
    const tensorflow = (x: Tf) => tf.max(x, [2, 3], true);
    return makeCase('GlobalMaxPool', [distinct(r, r.shape(4))], { tensorflow, double: false });
  },
};
