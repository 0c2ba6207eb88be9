// Base model and delta → the artifact, to the byte. Refuses a base or a result whose hash is not the announced one (`weights-corrupt`).
import { createHash } from 'node:crypto';
import { WhetError } from '../errors.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import { applyDelta, decodeDelta, type TailDelta } from '../onnx/forms/delta.ts';
import { isLineageTensor } from './lineage.ts';
import type { LoadedModel } from './load.ts';

/** What a manifest says of an artifact and its base. */
export interface ArtifactFacts {
  readonly version: string;
  readonly base: { readonly name: string; readonly sha256: string };
  readonly artifact: { readonly sha256: string };
}

/** The artifact to the byte, or `weights-corrupt`. */
export function rebuild(base: LoadedModel, manifest: ArtifactFacts, delta: Uint8Array): Uint8Array {
  if (base.sha256 !== manifest.base.sha256) {
    const found = `its sha256 is ${base.sha256}, the manifest says ${manifest.base.sha256}`;
    throw new WhetError('weights-corrupt', `'${base.path}' is not the base of ${manifest.version}: ${found}`, {
      hint: `Give the model '${manifest.base.name}' that the device was started with.`,
    });
  }
  const model = encodeModel(applyDelta(base.model, withoutTold(decodeDelta(delta))));
  const built = sha256Of(model);
  if (built === manifest.artifact.sha256) return model;
  throw new WhetError('weights-corrupt', `the rebuilt model has the sha256 ${built}, the manifest says ${manifest.artifact.sha256}`, {
    hint: 'The device may run another version of whet; use the same here.',
  });
}

/** What a release tells of earlier lessons is no part of the model. */
function withoutTold(delta: TailDelta): TailDelta {
  return { ...delta, tensors: new Map([...delta.tensors].filter(([name]) => !isLineageTensor(name))) };
}

function sha256Of(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
