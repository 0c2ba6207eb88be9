// A model file → bytes, hash and Model. Reads external data from beside the file and nowhere else; refuses files over 2 GB (the limit of
// protobuf), what is not ONNX, and weights that are not finite.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { messageOf, WhetError } from '../errors.ts';
import { decodeModel } from '../onnx/decode.ts';
import type { Model } from '../onnx/ir.ts';

const maxBytes = 2 ** 31 - 1;

export interface LoadedModel {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly model: Model;
}

export function loadModel(path: string): LoadedModel {
  const bytes = read(path);
  const model = decodeModel(bytes, (location, offset, length) => external(path, location, offset, length));
  refuseNonFinite(model);
  return { path, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length, model };
}

function read(path: string): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size > maxBytes) throw new WhetError('model-unreadable', `'${path}' has ${size} bytes; ONNX files end at 2 GB`);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof WhetError) throw error;
    throw new WhetError('model-unreadable', `cannot read the model '${path}': ${messageOf(error)}`, {
      hint: 'Check the path.',
      cause: error,
    });
  }
}

function external(path: string, location: string, offset: number, length: number | null): Uint8Array | null {
  const folder = resolve(dirname(path));
  const file = resolve(folder, location);
  // A hostile model must not read files elsewhere on the device.
  if (!file.startsWith(folder + sep))
    throw new WhetError('model-unreadable', `the model's external data '${location}' lies outside its folder`);
  try {
    const whole = readFileSync(file);
    const end = length === null ? whole.length : offset + length;
    return offset >= 0 && end <= whole.length ? whole.subarray(offset, end) : null;
  } catch {
    // A missing file is reported by the caller, which knows the tensor's name.
    return null;
  }
}

function refuseNonFinite(model: Model): void {
  for (const [name, tensor] of model.graph.initializers) {
    if (!(tensor.data instanceof Float32Array)) continue;
    // Infinity is legal (Clip limits, attention masks); NaN in a weight makes every prediction NaN.
    const at = tensor.data.findIndex(Number.isNaN);
    if (at >= 0) {
      throw new WhetError('model-unsupported', `initializer '${name}' holds NaN at position ${at}`, {
        hint: 'The model was damaged in training or export; use an earlier checkpoint.',
      });
    }
  }
}
