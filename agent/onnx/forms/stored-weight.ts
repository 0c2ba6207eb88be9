// A weight that a model stores as integers, both ways: integers, scales and zero points → a float parameter that knows where it came from, and
// a trained float parameter → what the model stores, as writes into it.
import { WhetError } from '../../errors.ts';
import type { DType, Node, Tensor } from '../ir.ts';
import type { Slot } from '../surgery/tail.ts';
import type { GraphView } from '../view.ts';
import { constant, type Dequantization, needConstant, optionalSlot, slot, uniqueName } from './dequantization.ts';
import type { WeightOrigin } from './form.ts';
import { quantizedType } from './quantized-type.ts';
import { dequantizeTensor, floatTensor, limitsOf, numbers, quantizeTensor, symmetricScales, topOf } from './quantized-values.ts';
import { nodeOf, readSlot, type SlotWrite } from './slots.ts';

export interface QuantizedWeight {
  readonly form: WeightOrigin['form'];
  readonly node: Node;
  readonly value: number;
  readonly scale: Slot;
  readonly scaleValue: Tensor;
  readonly zeroPoint: number | null;
  readonly axis: number;
  readonly perChannel: boolean;
  readonly zeroPointFollowsScale: boolean;
  /** QuantizeLinear of a float weight, where the model stores it so. */
  readonly quantizer?: Node;
}

/** Adds a dequantized weight as a float initializer and remembers where it came from; gives its name. */
export function addWeight(state: Dequantization, weight: QuantizedWeight): string {
  const { node, form, quantizer, axis, perChannel, zeroPointFollowsScale, scale } = weight;
  const zeroPoint = weight.zeroPoint === null ? null : optionalSlot(node, weight.zeroPoint);
  const zeros = zeroPoint === null ? null : needConstant(state, node, zeroPoint.input, 'weight zero point');
  const stored = quantizer === undefined ? needConstant(state, node, weight.value, 'weight') : quantizeConstant(state, quantizer, axis);
  const name = uniqueName(state, `${(quantizer ?? node).inputs[weight.value]}/float`);
  state.initializers.set(name, dequantizeTensor(stored, weight.scaleValue, zeros, axis));
  state.origins.set(name, {
    kind: 'quantized',
    form,
    value: slot(quantizer ?? node, weight.value),
    scale,
    zeroPoint,
    axis,
    perChannel,
    zeroPointFollowsScale,
    quantizer: quantizer === undefined ? null : { scale: slot(quantizer, 1), zeroPoint: optionalSlot(quantizer, 2) },
    grid: {
      perChannel: numbers(weight.scaleValue).length > 1,
      top: quantizer === undefined ? topOf(stored, zeros) : Math.floor((limitsOf(stored.dtype)[1] - limitsOf(stored.dtype)[0]) / 2),
    },
  });
  return name;
}

/** As `addWeight`, of a weight whose scale and zero point are inputs of the same node: each by its number. */
export function addOwnWeight(
  state: Dequantization,
  node: Node,
  weight: Pick<QuantizedWeight, 'form' | 'value' | 'axis' | 'perChannel'> & { readonly scale: number; readonly zeroPoint: number },
): string {
  return addWeight(state, {
    ...weight,
    node,
    scale: slot(node, weight.scale),
    scaleValue: needConstant(state, node, weight.scale, 'weight scale'),
    zeroPointFollowsScale: true,
  });
}

/** What a QuantizeLinear makes of a float weight. */
function quantizeConstant(state: Dequantization, quantizer: Node, axis: number): Tensor {
  const zeros = constant(state, quantizer.inputs[2]);
  const zero = zeros === null ? 0 : (numbers(zeros)[0] ?? 0);
  const scales = numbers(needConstant(state, quantizer, 1, 'weight scale'));
  return quantizeTensor(needConstant(state, quantizer, 0, 'weight'), scales, zero, quantizedType(state.seen, quantizer, zeros), axis);
}

export interface WeightOptions {
  /** Wish for one scale a channel even where the base has one for all; granted where the operator takes it. */
  readonly perChannel: boolean;
  /** The int32 bias that shares the scale: it must fit into 32 bits, which makes small scales larger. */
  readonly limit: { readonly bias: Tensor; readonly inputScale: Tensor } | null;
}

/** Axis along which a weight gets one scale a channel; null where it gets one for all. */
export function gridAxis({ grid, perChannel, axis }: WeightOrigin, isWished: boolean): number | null {
  return grid.perChannel || (isWished && perChannel) ? axis : null;
}

/** Quantizes symmetrically: int8 around 0, uint8 around 128. */
export function quantizeWeight(
  base: GraphView,
  origin: WeightOrigin,
  value: Tensor,
  options: WeightOptions,
): { readonly writes: readonly SlotWrite[]; readonly scale: Tensor } {
  const oldScale = readSlot(base, origin.scale);
  const oldZero = origin.zeroPoint === null ? null : readSlot(base, origin.zeroPoint);
  const stored = readSlot(base, origin.value);
  const dtype = origin.quantizer === null ? stored.dtype : quantizedType(base, nodeOf(base, origin.quantizer.scale), oldZero);
  const zero = middleOf(dtype, origin, oldZero);
  const axis = gridAxis(origin, options.perChannel);
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

export function filled(dtype: DType, dims: readonly number[], value: number): Tensor {
  return quantizeTensor({ dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) }, [1], value, dtype, 0);
}
