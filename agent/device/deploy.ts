// Another device's (or a fleet owner's) weights become a release here: rebuilt from this device's own base model, checked by hash, installed
// through the same first health check as a trained one. Refuses weights of another base, cut or backbone (`weights-corrupt`).

import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ModelCard } from '../config/card.ts';
import { WhetError } from '../errors.ts';
import { loadModel } from '../model/load.ts';
import { rebuild } from '../model/rebuild.ts';
import { encodeSafeTensors } from '../onnx/codec/safetensors.ts';
import { decodeDelta } from '../onnx/forms/delta.ts';
import type { Releases } from '../release/releases.ts';
import type { Jobs } from '../training/jobs.ts';
import type { ReceivedWeights } from '../uplink/weights.ts';
import type { BaseFacts } from './announcer.ts';

const classesSchema = z.array(z.string().min(1).max(200)).min(2).max(100_000);

export interface DeployPorts {
  readonly modelPath: string;
  readonly card: ModelCard;
  readonly base: BaseFacts;
  readonly releases: Releases;
  readonly jobs: Jobs;
}

export async function deploy(
  { modelPath, card, base, releases, jobs }: DeployPorts,
  { manifest, delta }: ReceivedWeights,
): Promise<{ readonly version: string; readonly reason: string }> {
  const { backbone, cut } = manifest.base;
  if (backbone !== base.backbone || cut !== base.cut) {
    throw new WhetError(
      'weights-corrupt',
      `${manifest.version} was cut at '${cut}' of backbone ${backbone.slice(0, 8)}; this device cuts at '${base.cut}' of ${base.backbone.slice(0, 8)}`,
      {
        hint: 'Give both devices the same model, and the same layers or cut.',
      },
    );
  }
  const known = (await releases.list()).releases.find(({ artifact }) => artifact.sha256 === manifest.artifact.sha256);
  if (known !== undefined) {
    await jobs.install(known);
    return { version: known.version, reason: `Deployed: it was here already as ${known.version}.` };
  }
  const artifact = rebuild(loadModel(modelPath), manifest, delta);
  const classes = manifest.classes ?? classesSchema.parse(JSON.parse(decodeDelta(delta).metadata.classes ?? 'null'));
  const master = encodeSafeTensors({ tensors: new Map(), metadata: { base: base.sha256 } });
  const described = <F extends string>(file: F, bytes: Uint8Array) => ({
    file,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  const release = await releases.add(
    {
      base: manifest.base,
      artifact: described('model.onnx', artifact),
      delta: described('delta.safetensors', delta),
      master: described('master.safetensors', master),
      classes,
      learner: manifest.learner,
      origin: 'deploy',
      run: null,
      scores: manifest.scores,
    },
    { artifact, delta, master, card: Buffer.from(`${JSON.stringify({ ...card, labels: classes }, null, 2)}\n`) },
  );
  await jobs.install(release);
  return { version: release.version, reason: `Deployed as ${release.version}; it passed its first health check.` };
}
