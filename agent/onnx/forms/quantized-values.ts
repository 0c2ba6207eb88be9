// Arithmetic between quantized and float tensors: real = (q − zero point) · scale, per tensor or per channel along one axis.
// Pure functions on records; the formulas are those of QuantizeLinear and DequantizeLinear.
import { WhetError } from '../../errors.ts';
import { fromBfloat16, fromFloat16, roundToEven, toBfloat16, toFloat16 } from '../codec/float16.ts';
import { type DType, sizeOf, type Tensor } from '../ir.ts';

/** Least and largest value of the integer types that hold quantized tensors. */
const limits: Partial<Readonly<Record<DType, readonly [number, number]>>> = {
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

export function limitsOf(dtype: DType): readonly [number, number] {
  const range = limits[dtype];
  if (range === undefined)
    throw new WhetError('operator-unsupported', `quantized tensors of type ${dtype} are not supported`, {
      hint: 'Use 8-bit quantization.',
    });
  return range;
}

/** The numbers of a tensor, whatever its type: 16-bit floats are decoded, 4-bit integers unpacked. */
export function numbers(tensor: Tensor): ArrayLike<number> {
  if (!ArrayBuffer.isView(tensor.data)) throw new WhetError('model-unsupported', 'a string tensor stands where numbers are needed');
  if (tensor.dtype === 'float16') return Float32Array.from(tensor.data as Uint16Array, fromFloat16);
  if (tensor.dtype === 'bfloat16') return Float32Array.from(tensor.data as Uint16Array, fromBfloat16);
  if (tensor.dtype === 'int4' || tensor.dtype === 'uint4') return unpacked(tensor);
  return tensor.data instanceof BigInt64Array || tensor.data instanceof BigUint64Array ? Array.from(tensor.data, Number) : tensor.data;
}

/** Two to a byte, the first in the lower half; the upper half of the last byte may be unused. */
function unpacked({ dtype, dims, data }: Tensor): Int8Array {
  const bytes = data as Uint8Array;
  return Int8Array.from({ length: sizeOf(dims) }, (_, index) => {
    const half = ((bytes[index >> 1] ?? 0) >> (index % 2 === 0 ? 0 : 4)) & 0xf;
    return dtype === 'int4' && half > 7 ? half - 16 : half;
  });
}

function packed(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 2));
  for (let index = 0; index < values.length; index++) bytes[index >> 1]! |= ((values[index] as number) & 0xf) << (index % 2 === 0 ? 0 : 4);
  return bytes;
}

const floatTypes: ReadonlySet<DType> = new Set(['float32', 'float16', 'bfloat16', 'float64']);

export function isFloat(dtype: DType | null): boolean {
  return dtype !== null && floatTypes.has(dtype);
}

/** Real numbers as a tensor of a float type, rounded to what that type holds. */
export function floatTensor(dtype: DType, dims: readonly number[], values: ArrayLike<number>): Tensor {
  switch (dtype) {
    case 'float16':
      return { dtype, dims, data: Uint16Array.from(values, toFloat16) };
    case 'bfloat16':
      return { dtype, dims, data: Uint16Array.from(values, toBfloat16) };
    case 'float64':
      return { dtype, dims, data: Float64Array.from(values) };
    default:
      return { dtype: 'float32', dims, data: Float32Array.from(values) };
  }
}

/** A float tensor of any type as float32, the type that is trained; the same record where it is that already. */
export function asFloat32(tensor: Tensor): Tensor {
  return tensor.dtype === 'float32' || !isFloat(tensor.dtype) ? tensor : floatTensor('float32', tensor.dims, numbers(tensor));
}

/** Index of the channel that element `index` of a tensor belongs to; 0 throughout where there is one scale for all. */
function channelOf(dims: readonly number[], axis: number, channels: number): (index: number) => number {
  if (channels === 1) return () => 0;
  const inner = sizeOf(dims.slice(axis + 1));
  const size = dims[axis] as number;
  if (size !== channels) throw new WhetError('model-unsupported', `${channels} scales do not fit axis ${axis} of a tensor [${dims}]`);
  return (index) => Math.floor(index / inner) % size;
}

/** real = (q − zero point) · scale. */
export function dequantizeTensor(tensor: Tensor, scale: Tensor, zeroPoint: Tensor | null, axis: number): Tensor {
  const values = numbers(tensor);
  const scales = numbers(scale);
  const zeros = zeroPoint === null ? [0] : numbers(zeroPoint);
  const scaleChannel = channelOf(tensor.dims, axis, scales.length);
  const zeroChannel = channelOf(tensor.dims, axis, zeros.length);
  const data = new Float32Array(values.length);
  for (let index = 0; index < data.length; index++) {
    data[index] = ((values[index] as number) - (zeros[zeroChannel(index)] as number)) * (scales[scaleChannel(index)] as number);
  }
  return { dtype: 'float32', dims: tensor.dims, data };
}

/** q = clamp(round(real / scale) + zero point); ties to even, as the runtime rounds. */
export function quantizeTensor(tensor: Tensor, scales: ArrayLike<number>, zeroPoint: number, dtype: DType, axis: number): Tensor {
  const values = numbers(tensor);
  const [low, high] = limitsOf(dtype);
  const channel = channelOf(tensor.dims, axis, scales.length);
  const isPacked = dtype === 'int4' || dtype === 'uint4';
  const data = arrayOf(isPacked ? 'int8' : dtype, values.length);
  for (let index = 0; index < data.length; index++) {
    const real = (values[index] as number) / (scales[channel(index)] as number);
    data[index] = Math.min(high, Math.max(low, roundToEven(real) + zeroPoint));
  }
  return { dtype, dims: tensor.dims, data: isPacked ? packed(data) : data };
}

/** Symmetric scales: the largest magnitude of each channel (or of all) reaches `top`. An all-zero channel gets scale 1/top. */
export function symmetricScales(tensor: Tensor, axis: number | null, top: number): Float32Array {
  const values = numbers(tensor);
  const channels = axis === null ? 1 : (tensor.dims[axis] as number);
  const channel = channelOf(tensor.dims, axis ?? 0, channels);
  const largest = new Float32Array(channels);
  for (let index = 0; index < values.length; index++) {
    const at = channel(index);
    largest[at] = Math.max(largest[at] as number, Math.abs(values[index] as number));
  }
  return largest.map((size) => (size === 0 ? 1 : size) / top);
}

/** Scale and zero point that cover [min, max], which always includes 0, so that zero stays exact. */
export function asymmetricScale(min: number, max: number, dtype: DType): { readonly scale: number; readonly zeroPoint: number } {
  const [low, high] = limitsOf(dtype);
  const from = Math.min(0, min);
  const to = Math.max(0, max);
  const scale = to === from ? 1 : Math.fround((to - from) / (high - low));
  return { scale, zeroPoint: Math.min(high, Math.max(low, roundToEven(low - from / scale))) };
}

/**
 * The largest magnitude that stored weights use. 64 where a quantizer kept to 7 bits (`reduce_range`), because then processors without
 * VNNI add its products in 16 bits without saturation; otherwise the end of the type.
 */
export function topOf(stored: Tensor, zeroPoint: Tensor | null): number {
  const zeros = zeroPoint === null ? [0] : numbers(zeroPoint);
  const values = numbers(stored);
  if (stored.dtype === 'int4' || stored.dtype === 'uint4') return 7;
  const top = stored.dtype === 'uint8' || stored.dtype === 'int8' ? 127 : stored.dtype === 'int32' ? 2 ** 31 - 1 : 32_767;
  if (top !== 127 || (zeros.length > 1 && !Array.from(zeros).every((zero) => zero === zeros[0]))) return top;
  const zero = zeros[0] ?? 0;
  let largest = 0;
  for (let index = 0; index < values.length; index++) largest = Math.max(largest, Math.abs((values[index] ?? 0) - zero));
  return largest <= 64 ? 64 : 127;
}

function arrayOf(dtype: DType, length: number): Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array {
  switch (dtype) {
    case 'int8':
      return new Int8Array(length);
    case 'uint8':
      return new Uint8Array(length);
    case 'int16':
      return new Int16Array(length);
    case 'uint16':
      return new Uint16Array(length);
    case 'int32':
      return new Int32Array(length);
    default:
      throw new WhetError('operator-unsupported', `quantized tensors of type ${dtype} are not supported`);
  }
}
