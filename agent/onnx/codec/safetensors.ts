// The safetensors format: 8 bytes of header length (little endian), a JSON header, then the data. Reads hostile input: refuses headers over
// 1 MB, offsets that overlap, leave gaps or point outside, and sizes that do not match shapes (`weights-corrupt`).
import { z } from 'zod';
import { messageOf, WhetError } from '../../errors.ts';
import type { DType, Tensor } from '../ir.ts';
import { byteSize, tensorFromBytes } from './tensor-codec.ts';

export interface SafeTensors {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

type Stored = Exclude<DType, 'string' | 'int4' | 'uint4'>;

const nameOf: Readonly<Record<Stored, string>> = {
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  float64: 'F64',
  int8: 'I8',
  uint8: 'U8',
  int16: 'I16',
  uint16: 'U16',
  int32: 'I32',
  uint32: 'U32',
  int64: 'I64',
  uint64: 'U64',
  bool: 'BOOL',
};

const dtypeOf = new Map(Object.entries(nameOf).map(([dtype, name]) => [name, dtype as Stored]));

const maxHeaderBytes = 2 ** 20;
const maxTensors = 10_000;

const entrySchema = z.strictObject({
  dtype: z.string().refine((name) => dtypeOf.has(name), 'unknown dtype'),
  shape: z
    .array(
      z
        .int()
        .min(0)
        .max(2 ** 31),
    )
    .max(16),
  data_offsets: z.tuple([z.int().min(0), z.int().min(0)]),
});
const metadataSchema = z.record(z.string(), z.string());

/** Deterministic: tensors lie in the order given, the header is padded with spaces so that the data begins at a multiple of 8. */
export function encodeSafeTensors(file: SafeTensors): Uint8Array {
  // A list, because a tensor may be called `__proto__`.
  const header: [string, unknown][] = Object.keys(file.metadata).length === 0 ? [] : [['__metadata__', file.metadata]];
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, tensor] of file.tensors) {
    if (!Object.hasOwn(nameOf, tensor.dtype) || !ArrayBuffer.isView(tensor.data))
      throw new WhetError('internal', `safetensors cannot hold the ${tensor.dtype} tensor '${name}'`);
    const bytes = new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
    header.push([name, { dtype: nameOf[tensor.dtype as Stored], shape: tensor.dims, data_offsets: [at, at + bytes.length] }]);
    parts.push(bytes);
    at += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const padded = Math.ceil(text.length / 8) * 8;
  const out = new Uint8Array(8 + padded + at).fill(0x20, 8, 8 + padded);
  new DataView(out.buffer).setBigUint64(0, BigInt(padded), true);
  out.set(text, 8);
  let to = 8 + padded;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}

export function decodeSafeTensors(bytes: Uint8Array): SafeTensors {
  const { header, data } = split(bytes);
  const { __metadata__: rawMetadata = {}, ...entries } = header;
  const metadata = metadataSchema.safeParse(rawMetadata);
  if (!metadata.success) throw corrupt('its metadata are not strings by name');
  if (Object.keys(entries).length > maxTensors) throw corrupt(`it claims ${Object.keys(entries).length} tensors`);
  const parsed = Object.entries(entries).map(([name, raw]) => {
    const entry = entrySchema.safeParse(raw);
    if (!entry.success) throw corrupt(`tensor '${name}': ${entry.error.issues[0]?.message ?? 'malformed'}`);
    const { dtype, shape, data_offsets: range } = entry.data;
    return { name, dtype: dtypeOf.get(dtype) as Stored, shape, range };
  });
  requireSeamless(parsed, data.length);
  const tensors = new Map(
    parsed.map(({ name, dtype, shape, range: [from, to] }) => {
      if (byteSize(dtype, shape) !== to - from) throw corrupt(`tensor '${name}' has ${to - from} bytes for [${shape}] ${dtype}`);
      return [name, tensorFromBytes(dtype, shape, data.subarray(from, to))] as const;
    }),
  );
  return { tensors, metadata: metadata.data };
}

function split(bytes: Uint8Array): { readonly header: Record<string, unknown>; readonly data: Uint8Array } {
  if (bytes.length < 8) throw corrupt(`it has ${bytes.length} bytes`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes) || length > BigInt(bytes.length - 8)) throw corrupt(`its header claims ${length} bytes`);
  const end = 8 + Number(length);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, end)));
  } catch (error) {
    throw corrupt(`its header is not JSON: ${messageOf(error)}`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw corrupt('its header is not an object');
  return { header: header as Record<string, unknown>, data: bytes.subarray(end) };
}

/** The format allows no overlap and no gap: every byte belongs to exactly one tensor. */
function requireSeamless(entries: readonly { readonly name: string; readonly range: readonly [number, number] }[], size: number): void {
  let at = 0;
  for (const { name, range } of [...entries].sort((a, b) => a.range[0] - b.range[0] || a.range[1] - b.range[1])) {
    if (range[0] !== at || range[1] < range[0] || range[1] > size) throw corrupt(`tensor '${name}' lies at [${range}] where ${at} is due`);
    at = range[1];
  }
  if (at !== size) throw corrupt(`${size - at} bytes belong to no tensor`);
}

function corrupt(what: string): WhetError {
  return new WhetError('weights-corrupt', `not a safetensors file: ${what}`, { hint: 'Fetch the weights again.' });
}
