// One layer's float weight or bias → what its quantized form stores: integers, scales, zero points, as writes into the base model.
import { WhetError } from '../../errors.ts';
import type { DType, Graph, Tensor } from '../ir.ts';
import type { ParameterOrigin } from '../surgery/tail.ts';
import { quantizedType } from './quantized-type.ts';
import { floatTensor, limitsOf, numbers, quantizeTensor, symmetricScales } from './quantized-values.ts';
import { nodeOf, readSlot, type SlotWrite } from './slots.ts';

type WeightOrigin = Extract<ParameterOrigin, { kind: 'quantized' }>;
type BiasOrigin = Extract<ParameterOrigin, { kind: 'int32-bias' }>;

export interface WeightOptions {
  /** Wish for one scale a channel even where the base has one for all; granted where the operator takes it. */
  readonly perChannel: boolean;
  /** The int32 bias that shares the scale: it must fit into 32 bits, which makes small scales larger. */
  readonly limit: { readonly bias: Tensor; readonly inputScale: Tensor } | null;
}

/** Quantizes symmetrically: int8 around 0, uint8 around 128. */
export function quantizeWeight(
  graph: Graph,
  origin: WeightOrigin,
  value: Tensor,
  options: WeightOptions,
): { readonly writes: readonly SlotWrite[]; readonly scale: Tensor } {
  const oldScale = readSlot(graph, origin.scale);
  const oldZero = origin.zeroPoint === null ? null : readSlot(graph, origin.zeroPoint);
  const stored = readSlot(graph, origin.value);
  const dtype = origin.quantizer === null ? stored.dtype : quantizedType(graph, nodeOf(graph, origin.quantizer.scale), oldZero);
  const zero = middleOf(dtype, origin, oldZero);
  const axis = origin.grid.perChannel || (options.perChannel && origin.perChannel) ? origin.axis : null;
  const wanted = fitBias(symmetricScales(value, axis, origin.grid.top), options.limit);
  // A model in 16 bits stores its scales in 16 bits: the integers are made for the scale that it will read.
  const scale = floatTensor(oldScale.dtype, axis === null ? oldScale.dims : scaleDims(oldScale, wanted.length), wanted);
  const scales = numbers(scale);
  const writes: SlotWrite[] = [
    {
      slot: origin.value,
      value: origin.quantizer === null ? quantizeTensor(value, scales, zero, dtype, origin.axis) : asStored(stored, value),
    },
    { slot: origin.scale, value: scale },
  ];
  if (origin.quantizer !== null) writes.push({ slot: origin.quantizer.scale, value: scale });
  for (const [slot, old] of [
    [origin.zeroPoint, oldZero],
    [origin.quantizer?.zeroPoint ?? null, oldZero],
  ] as const) {
    if (slot === null || old === null) continue;
    const dims = origin.zeroPointFollowsScale ? scale.dims : numbers(old).length > 1 ? scaleDims(old, scales.length) : old.dims;
    writes.push({ slot, value: filled(dtype, dims, zero) });
  }
  return { writes, scale };
}

/** q = round(bias / (input scale · weight scale)), one scale a channel or one for all. */
export function quantizeBias(
  graph: Graph,
  origin: BiasOrigin,
  value: Tensor,
  inputScale: Tensor,
  weightScale: Tensor,
): readonly SlotWrite[] {
  const xs = numbers(inputScale)[0] ?? 1;
  const product = Float32Array.from(numbers(weightScale), (ws) => Math.fround(xs * ws));
  const vector: Tensor = { dtype: 'float32', dims: [numbers(value).length], data: value.data };
  const quantized = quantizeTensor(vector, product, 0, 'int32', 0);
  const writes: SlotWrite[] = [{ slot: origin.value, value: { ...quantized, dims: value.dims } }];
  if (origin.scale === null) return writes;
  const old = readSlot(graph, origin.scale);
  const dims = numbers(old).length === product.length ? old.dims : [product.length];
  writes.push({ slot: origin.scale, value: floatTensor(old.dtype, dims, product) });
  if (origin.zeroPoint !== null) writes.push({ slot: origin.zeroPoint, value: filled('int32', dims, 0) });
  return writes;
}

function asStored(stored: Tensor, value: Tensor): Tensor {
  return stored.dtype === 'float32' ? value : floatTensor(stored.dtype, value.dims, numbers(value));
}

/** Where zero lies in a symmetric quantization of this type. */
function middleOf(dtype: DType, origin: WeightOrigin, zeroPoint: Tensor | null): number {
  if (!dtype.startsWith('u')) return 0;
  if (zeroPoint === null)
    throw new WhetError(
      'operator-unsupported',
      `the ${dtype} weights of '${origin.value.node}' have no zero point, so they cannot be negative`,
      {
        hint: 'Quantize the model with int8 weights.',
      },
    );
  return Math.ceil(limitsOf(dtype)[1] / 2);
}

/** Makes scales so large that the bias, in steps of input scale · weight scale, fits into 31 bits. */
export function fitBias(scales: Float32Array, limit: WeightOptions['limit']): Float32Array {
  if (limit === null) return scales;
  const xs = numbers(limit.inputScale)[0] ?? 1;
  const bias = numbers(limit.bias);
  const least = (channel: number) => Math.abs(bias[channel] ?? 0) / (xs * 2 ** 30);
  if (scales.length > 1) return scales.map((scale, channel) => Math.max(scale, least(channel)));
  const most = Array.from(bias, (_, channel) => least(channel)).reduce((a, b) => Math.max(a, b), 0);
  return scales.map((scale) => Math.max(scale, most));
}

/** The shape of a scale for a new number of channels: [1, C, 1, 1] keeps its ones. */
function scaleDims(old: Tensor, channels: number): readonly number[] {
  const at = old.dims.findIndex((dim) => dim > 1);
  return at < 0 ? [channels] : old.dims.map((dim, axis) => (axis === at ? channels : dim));
}

function filled(dtype: DType, dims: readonly number[], value: number): Tensor {
  return quantizeTensor({ dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) }, [1], value, dtype, 0);
}
