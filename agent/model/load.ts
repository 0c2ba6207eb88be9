// A model file → bytes, hash and Model. Reads external data from beside the file and nowhere else; refuses files over 2 GB (the limit of
// protobuf), what is not ONNX, and weights that are not a number.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, WhetError } from '../errors.ts';
import { decodeModel } from '../onnx/codec/decode.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { createExternalReader, maxModelBytes as maxBytes } from './external-data.ts';

export interface LoadedModel {
  readonly path: string;
  /** Of the model file; external data are not part of it. */
  readonly sha256: string;
  readonly bytes: number;
  readonly model: Model;
}

/** Throws `model-unreadable` or `model-unsupported`, naming the file, the tensor and what to do. */
export function loadModel(path: string): LoadedModel {
  const bytes = read(path);
  refuseOtherFiles(path, bytes);
  const external = createExternalReader(path, bytes.length);
  const model = decodeModel(bytes, external);
  refuseTooLarge(path, model);
  refuseNaN(model);
  return { path, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length, model };
}

function read(path: string): Uint8Array {
  try {
    const facts = statSync(path);
    if (facts.isDirectory()) throw isFolder(path);
    const { size } = facts;
    if (size > maxBytes) throw new WhetError('model-unreadable', `'${path}' has ${size} bytes; ONNX files end at 2 GB`);
    if (size === 0) throw new WhetError('model-unreadable', `'${path}' is empty`, { hint: 'Fetch or export the model again.' });
    return readFileSync(path);
  } catch (error) {
    if (error instanceof WhetError) throw error;
    throw new WhetError('model-unreadable', `cannot read the model '${path}': ${messageOf(error)}`, {
      hint: 'Check the path and the permissions of the file.',
      cause: error,
    });
  }
}

function isFolder(path: string): WhetError {
  const found = readdirSync(path).filter((name) => name.endsWith('.onnx'));
  const hint = found.length > 0 ? `Name the file: ${join(path, found[0] ?? '')}` : 'Name an ONNX file.';
  return new WhetError('model-unreadable', `cannot read the model '${path}': it is a folder`, { hint });
}

/** What stands where a model should be, more often than a damaged model: a pointer, a page, an archive. */
function refuseOtherFiles(path: string, bytes: Uint8Array): void {
  const start = Buffer.from(bytes.subarray(0, 1024)).toString('latin1').trimStart();
  const lower = start.toLowerCase();
  const refuse = (what: string, hint: string) => new WhetError('model-unreadable', `'${path}' is ${what}, not a model`, { hint });
  if (start.startsWith('version https://git-lfs'))
    throw refuse(
      'a Git LFS pointer',
      'Fetch the file itself: `git lfs install && git lfs pull` in the repository, or download it from its page.',
    );
  if (lower.startsWith('<!doctype') || lower.startsWith('<html') || lower.startsWith('<?xml'))
    throw refuse('a web page', 'The download gave a page instead of the file: use the link behind "raw" or "download".');
  if (start.startsWith('PK\x03\x04')) throw refuse('a zip archive', 'Unpack it; PyTorch files (.pt) have to be exported to ONNX first.');
  if (start.startsWith('\x1f\x8b')) throw refuse('a gzip archive', 'Unpack it first.');
  if (start.slice(4, 8) === 'TFL3') throw refuse('a TensorFlow Lite model', 'Convert it with `python -m tf2onnx.convert --tflite`.');
}

/** The runtime is given one file, and protobuf's end at 2 GB, also where the weights came from external data. */
function refuseTooLarge(path: string, model: Model): void {
  const size = [...model.graph.initializers.values()].reduce((sum, { data }) => sum + (ArrayBuffer.isView(data) ? data.byteLength : 0), 0);
  if (size < maxBytes - 2 ** 24) return;
  throw new WhetError('model-unsupported', `'${path}' holds ${size} bytes of weights; models end at 2 GB here`, {
    hint: 'Quantize the model to int8, or use a smaller one.',
  });
}

/** Infinity is legal (limits of a Clip, attention masks); NaN in a weight makes every prediction NaN. */
function refuseNaN(model: Model): void {
  const constants = model.graph.nodes.flatMap((node): readonly (readonly [string, Tensor])[] =>
    node.op === 'Constant' && node.attributes.value?.kind === 'tensor' ? [[node.outputs[0] ?? '', node.attributes.value.value]] : [],
  );
  for (const [name, { data }] of [...model.graph.initializers, ...constants]) {
    if (!(data instanceof Float32Array) && !(data instanceof Float64Array)) continue;
    const at = data.findIndex(Number.isNaN);
    if (at >= 0) {
      throw new WhetError('model-unsupported', `constant '${name}' holds NaN at position ${at}`, {
        hint: 'The model was damaged in training or export; use an earlier checkpoint.',
      });
    }
  }
}
