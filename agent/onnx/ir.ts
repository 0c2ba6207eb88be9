// The intermediate form every graph transform works on: plain readonly records, edges are names. Nothing here knows protobuf.

/** ONNX element types by their TensorProto.DataType number. */
export const dataTypes = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
  21: 'uint4',
  22: 'int4',
} as const;

export type DType = (typeof dataTypes)[keyof typeof dataTypes];

/** float16 and bfloat16 are kept as their 16-bit patterns, int4 and uint4 packed two to a byte as on the wire, bool as 0/1. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[];

export interface Tensor {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** A dimension: a number, a symbolic name, or null where the model does not say. */
export type Dim = number | string | null;

/** Type and shape of a named value; `shape` is null where even the rank is unknown. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType | null;
  readonly shape: readonly Dim[] | null;
}

export type Attribute =
  /** `exact` where the number does not hold the int64: exporters write "to the end" as 2^63 − 1. */
  | { readonly kind: 'int'; readonly value: number; readonly exact?: bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'ints'; readonly value: readonly number[]; readonly exact?: readonly bigint[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'opaque'; readonly value: unknown };

export interface Node {
  readonly op: string;
  /** '' for ai.onnx, 'com.microsoft' and so on otherwise. */
  readonly domain: string;
  readonly name: string;
  /** '' marks an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** Inputs that must be fed; initializers that old models also list as inputs are not repeated here. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly valueInfo: readonly ValueInfo[];
}

export interface Model {
  readonly irVersion: number;
  /** Domain → version; '' is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly graph: Graph;
  /** Model-local functions, carried through unread. */
  readonly functions: readonly unknown[];
}

/** What a node is called in the whole project: its first output that is not left out. Names of outputs are unique in a graph. */
export function nodeKey(node: Node): string {
  return node.outputs.find((name) => name !== '') ?? '';
}

/** Number of elements of a shape. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** The ai.onnx opset of a model. */
export function opsetOf(model: Model): number {
  return model.opsets.get('') ?? 1;
}
