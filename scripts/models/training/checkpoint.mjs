// Where a training stands, as one safetensors file: written beside and renamed, so that a kill leaves the one before. Refuses a file of
// another training, because going on with it would give neither result.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { decodeSafeTensors, encodeSafeTensors } from '../../../agent/onnx/codec/safetensors.ts';

/** `about` says which training it is; `carried` are weights, statistics and optimizer state by the names that the step takes. */
export function writeCheckpoint(path, about, { carried, losses }) {
  mkdirSync(dirname(path), { recursive: true });
  const file = { tensors: new Map(Object.entries(carried)), metadata: { about, losses: JSON.stringify(losses) } };
  writeFileSync(`${path}.part`, encodeSafeTensors(file));
  renameSync(`${path}.part`, path);
}

/** null where there is none yet. */
export function readCheckpoint(path, about) {
  if (!existsSync(path)) return null;
  const { tensors, metadata } = decodeSafeTensors(readFileSync(path));
  if (metadata.about !== about)
    throw new Error(`${path} belongs to another training: move it away, or train as it was\n${metadata.about}\n${about}`);
  return { carried: Object.fromEntries(tensors), losses: JSON.parse(metadata.losses) };
}
