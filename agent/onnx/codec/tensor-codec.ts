// TensorProto ⇄ Tensor. Accepts raw and typed storage and external data; refuses sizes that do not match the shape.
import { create } from '@bufbuild/protobuf';
import { WhetError } from '../../errors.ts';
import { type DType, dataTypes, sizeOf, type Tensor, type TensorData } from '../ir.ts';
import { type TensorProto, TensorProtoSchema } from '../proto/onnx_pb.ts';

/** A piece of a file beside the model; without a length, up to the end. */
export interface ExternalPiece {
  readonly location: string;
  readonly offset: number;
  readonly length: number | null;
}

export interface ExternalData {
  /** Throws where the pieces of a model are more than it may have, together; asked of all of them before any is read. */
  claim(pieces: readonly ExternalPiece[]): void;
  /** null where the file is missing or too short. */
  read(piece: ExternalPiece): Uint8Array | null;
}

export const noExternalData: ExternalData = { claim() {}, read: () => null };

const numberOfType = Object.fromEntries(Object.entries(dataTypes).map(([number, name]) => [name, Number(number)])) as Record<DType, number>;

type NumericArray = Exclude<TensorData, readonly string[]>;
type ArrayClass = { new (buffer: ArrayBuffer): NumericArray; from(values: ArrayLike<never>): NumericArray; BYTES_PER_ELEMENT: number };

const arrayClass: Readonly<Record<Exclude<DType, 'string'>, unknown>> = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int4: Uint8Array,
  uint4: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
};

function classOf(dtype: Exclude<DType, 'string'>): ArrayClass {
  return arrayClass[dtype] as ArrayClass;
}

/** The data type of a TensorProto number; null for types that Whetstone does not read (float8, complex). */
export function dtypeOf(number: number): DType | null {
  return dataTypes[number as keyof typeof dataTypes] ?? null;
}

export function numberOf(dtype: DType): number {
  return numberOfType[dtype];
}

/** Bytes that a tensor of this type and shape takes on the wire. */
export function byteSize(dtype: Exclude<DType, 'string'>, dims: readonly number[]): number {
  const count = sizeOf(dims);
  return dtype === 'int4' || dtype === 'uint4' ? Math.ceil(count / 2) : count * classOf(dtype).BYTES_PER_ELEMENT;
}

export function decodeTensor(proto: TensorProto, external: ExternalData): Tensor {
  const dtype = dtypeOf(proto.dataType);
  if (dtype === null) {
    throw new WhetError('model-unsupported', `tensor '${proto.name}' has element type ${proto.dataType}, which is not supported`, {
      hint: 'Export the model with float32, float16, int8 or uint8 weights.',
    });
  }
  const dims = proto.dims.map(Number);
  if (!dims.every((dim) => dim >= 0 && Number.isSafeInteger(dim))) throw broken(proto, `has the shape [${dims}]`);
  if (dtype === 'string') return { dtype, dims, data: proto.stringData.map((bytes) => new TextDecoder().decode(bytes)) };
  const size = byteSize(dtype, dims);
  const raw = rawBytes(proto, external);
  const data = raw === null ? fromTyped(proto, dtype) : fromRaw(raw, dtype);
  if (data.byteLength !== size) throw broken(proto, `holds ${data.byteLength} bytes where [${dims}] ${dtype} needs ${size}`);
  return { dtype, dims, data };
}

export function encodeTensor(name: string, tensor: Tensor): TensorProto {
  const base = { name, dataType: numberOf(tensor.dtype), dims: tensor.dims.map(BigInt) };
  if (!ArrayBuffer.isView(tensor.data)) {
    return create(TensorProtoSchema, { ...base, stringData: tensor.data.map((text) => new TextEncoder().encode(text)) });
  }
  const { buffer, byteOffset, byteLength } = tensor.data;
  return create(TensorProtoSchema, { ...base, rawData: new Uint8Array(buffer, byteOffset, byteLength) });
}

function rawBytes(proto: TensorProto, external: ExternalData): Uint8Array | null {
  if (proto.dataLocation === 1) {
    const piece = externalPiece(proto);
    const { location } = piece;
    const bytes = external.read(piece);
    if (bytes !== null) return bytes;
    throw new WhetError(
      'model-unreadable',
      `tensor '${proto.name}' lies in the external file '${location}', which is missing or too short`,
      {
        hint: `Put '${location}' beside the model file, or export the model with its weights inside.`,
      },
    );
  }
  return proto.rawData.length > 0 ? proto.rawData : null;
}

/** Where the bytes of a tensor lie that are not in the file. */
export function externalPiece(proto: TensorProto): ExternalPiece {
  const entries = new Map(proto.externalData.map((entry) => [entry.key, entry.value]));
  const dtype = dtypeOf(proto.dataType);
  const own = dtype === null || dtype === 'string' ? null : byteSize(dtype, proto.dims.map(Number));
  const length = entries.has('length') ? Number(entries.get('length')) : own;
  return { location: entries.get('location') ?? '', offset: Number(entries.get('offset') ?? 0), length };
}

/** A tensor from little-endian bytes; the caller has checked their number. */
export function tensorFromBytes(dtype: Exclude<DType, 'string'>, dims: readonly number[], bytes: Uint8Array): Tensor {
  return { dtype, dims, data: fromRaw(bytes, dtype) };
}

function fromRaw(raw: Uint8Array, dtype: Exclude<DType, 'string'>): NumericArray {
  const type = classOf(dtype);
  // A copy, because protobuf's bytes are rarely aligned for wider element types and pin the whole file in memory.
  const whole = raw.byteLength - (raw.byteLength % type.BYTES_PER_ELEMENT);
  return new type(new Uint8Array(raw.subarray(0, whole)).buffer);
}

/** The typed fields of TensorProto; narrow integers and 16-bit floats share int32_data. */
function fromTyped(proto: TensorProto, dtype: Exclude<DType, 'string'>): NumericArray {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(proto.floatData);
    case 'float64':
      return Float64Array.from(proto.doubleData);
    case 'int64':
      return BigInt64Array.from(proto.int64Data);
    case 'uint64':
      return BigUint64Array.from(proto.uint64Data);
    case 'uint32':
      return Uint32Array.from(proto.uint64Data, Number);
    default:
      return classOf(dtype).from(proto.int32Data as unknown as ArrayLike<never>);
  }
}

function broken(proto: TensorProto, what: string): WhetError {
  return new WhetError('model-unreadable', `tensor '${proto.name}' ${what}`, { hint: 'The file is damaged; fetch or export it again.' });
}
