// Small tensors as plain numbers, whatever their type: what shape arithmetic is done on.
import { type DType, type Node, sizeOf, type Tensor } from '../../onnx/ir.ts';
import type { ShapeSource } from '../operator.ts';

/** Longer tensors are data, not shapes. */
export const longestShape = 64;

export interface Small {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

/** Computes a node; `dims` is the shape of its result, as the shape rule has it (null: none). null: this cannot be computed here. */
export type Folder = (node: Node, inputs: readonly Small[], dims: readonly number[] | null, source: ShapeSource) => Small | null;

/** An input that is left out. */
export const absent: Small = { dtype: 'int64', dims: [0], values: [] };

const kinds: ReadonlySet<DType> = new Set(['int64', 'int32', 'bool', 'float32', 'float64']);

export function smallOf(tensor: Tensor | null): Small | null {
  if (tensor === null || !kinds.has(tensor.dtype) || sizeOf(tensor.dims) > longestShape) return null;
  const { dtype, dims, data } = tensor;
  return {
    dtype,
    dims,
    values: dtype === 'int64' ? Array.from(data as BigInt64Array, numberOf) : Array.from(data as Float64Array, Number),
  };
}

/** The ends of int64, which exporters write for "to the end", stand as infinities: they can be moved about, but not computed with. */
const [lowest, highest] = [-(2n ** 63n), 2n ** 63n - 1n];

function numberOf(value: bigint): number {
  return value === highest ? Number.POSITIVE_INFINITY : value === lowest ? Number.NEGATIVE_INFINITY : Number(value);
}

function bigintOf(value: number): bigint {
  return value === Number.POSITIVE_INFINITY ? highest : value === Number.NEGATIVE_INFINITY ? lowest : BigInt(value);
}

/** Whether arithmetic on the numbers is what it is on the elements: an integer must not stand for another one. */
export function isExact({ dtype, values }: Small): boolean {
  return (dtype !== 'int64' && dtype !== 'int32') || values.every(Number.isSafeInteger);
}

/** null where an integer would not be exact. */
export function tensorOf({ dtype, dims, values }: Small): Tensor | null {
  if (dtype === 'float32') return { dtype, dims, data: Float32Array.from(values) };
  if (dtype === 'float64') return { dtype, dims, data: Float64Array.from(values) };
  if (dtype === 'bool') return { dtype, dims, data: Uint8Array.from(values) };
  if (dtype === 'int64') {
    const isWhole = values.every((each) => Number.isSafeInteger(each) || Math.abs(each) === Number.POSITIVE_INFINITY);
    return isWhole ? { dtype, dims, data: BigInt64Array.from(values, bigintOf) } : null;
  }
  if (!values.every(Number.isSafeInteger)) return null;
  return dtype === 'int32' ? { dtype, dims, data: Int32Array.from(values) } : null;
}

export const vector = (dtype: DType, values: readonly number[]): Small => ({ dtype, dims: [values.length], values });

/** The elements of a tensor of shape `dims`, each from its place (one index an axis). */
export function filled(dims: readonly number[], elementAt: (place: readonly number[]) => number): readonly number[] {
  return Array.from({ length: sizeOf(dims) }, (_, flat) => {
    let rest = flat;
    const place = [...dims].reverse().map((size) => {
      const at = rest % size;
      rest = (rest - at) / size;
      return at;
    });
    return elementAt(place.reverse());
  });
}

/** The element at a place of another shape, which `x` broadcasts to: axes align at the end, and those of size 1 repeat. */
export function elementAt(x: Small, place: readonly number[]): number {
  const lead = place.length - x.dims.length;
  const flat = x.dims.reduce((index, size, axis) => index * size + (size === 1 ? 0 : (place[axis + lead] as number)), 0);
  return x.values[flat] as number;
}
