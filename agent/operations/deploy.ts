// Another device's (or a fleet owner's) weights become a release here: rebuilt from this device's own base model, checked by hash, activated as
// a trained one is. Refuses weights of another base, cut or backbone, and names of classes that are none (`weights-corrupt`).

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { givenClassName } from '../config/class-name.ts';
import { deploySource } from '../contract/command-contract.ts';
import { verdictSchema } from '../contract/payloads.ts';
import { inlineWeights, type ReceivedWeights } from '../contract/weights.ts';
import type { DeviceParts } from '../engine/parts.ts';
import { WhetError } from '../errors.ts';
import { backboneHash } from '../model/backbone-hash.ts';
import { encodeLineage, readLineage } from '../model/lineage.ts';
import { loadModel } from '../model/load.ts';
import { rebuild } from '../model/rebuild.ts';
import { decodeModel } from '../onnx/codec/decode.ts';
import { decodeSafeTensors, encodeSafeTensors } from '../onnx/codec/safetensors.ts';
import { decodeDelta } from '../onnx/forms/delta.ts';
import type { ReleaseManifest, Verdict } from '../types.ts';
import { judgeDeployed } from './judge-deployed.ts';
import { always, operation } from './operation.ts';
import { text } from './schemas.ts';

export const deploy = operation({
  summary: "Take a release over: its weights inside the command, or fetched from another device's topics",
  arguments: deploySource,
  result: z.object({ version: text, verdict: verdictSchema }),
  lane: 'long',
  rerunnable: always,
  async run(device, source, { signal }) {
    return install(device, 'manifest' in source ? inlineWeights(source.manifest, source.data) : await device.receive(source, signal));
  },
});

type InstallParts = Pick<DeviceParts, 'config' | 'card' | 'base' | 'store' | 'releases' | 'activation' | 'jobs' | 'answers'>;

export interface Deployed {
  readonly version: string;
  readonly verdict: Verdict;
}

/** Exported for tests. */
export async function install(parts: InstallParts, { manifest, delta }: ReceivedWeights): Promise<Deployed> {
  const { base, releases, activation, jobs } = parts;
  const { backbone, cut } = manifest.base;
  if (backbone !== base.backbone || cut !== base.cut) {
    throw new WhetError(
      'weights-corrupt',
      `${manifest.version} was cut at '${cut}' of backbone ${backbone.slice(0, 8)}; this device cuts at '${base.cut}' of ${base.backbone.slice(0, 8)}`,
      { hint: 'Give both devices the same model, and the same layers or cut.' },
    );
  }
  const known = (await releases.list()).releases.find(({ artifact }) => artifact.sha256 === manifest.artifact.sha256);
  const release = known ?? (await addRelease(parts, { manifest, delta }));
  const { version } = release;
  // A candidate is judged against the release that is current: another one must not come in between.
  return jobs.exclusive(async () => {
    const { verdict } = await judgeDeployed(parts, await activation.choiceOf(version));
    if (verdict.kind === 'rejected') {
      if (known === undefined) await releases.purge([version]);
      return { version, verdict };
    }
    await activation.activate(version);
    const how = known === undefined ? `Deployed as ${version}.` : `Deployed: it was here already as ${version}.`;
    return { version, verdict: { ...verdict, reason: `${how} ${verdict.reason}` } };
  });
}

async function addRelease({ config, card, base, releases }: InstallParts, { manifest, delta }: ReceivedWeights): Promise<ReleaseManifest> {
  const artifact = rebuild(loadModel(config.model), manifest, delta);
  const found = backboneHash(decodeModel(artifact), base.cut);
  if (found !== base.backbone) {
    throw new WhetError(
      'weights-corrupt',
      `${manifest.version} changes more than the layers behind the cut: its backbone is ${found.slice(0, 8)}`,
      {
        hint: 'Features that are stored here would mean something else. Only tails can be deployed.',
      },
    );
  }
  const classes = classesOf({ manifest, delta });
  // Where the next training begins: what the sender's release knew.
  const told = readLineage(decodeSafeTensors(delta));
  const kept = told === null ? { tensors: [], metadata: {} } : encodeLineage(told);
  const master = encodeSafeTensors({ tensors: new Map(kept.tensors), metadata: { base: base.sha256, ...kept.metadata } });
  const described = <F extends string>(file: F, bytes: Uint8Array) => ({
    file,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  return releases.add(
    {
      base: manifest.base,
      artifact: described('model.onnx', artifact),
      delta: described('delta.safetensors', delta),
      master: described('master.safetensors', master),
      classes,
      learner: manifest.learner,
      origin: 'deploy',
      run: null,
      // What its sender measured says nothing of this device.
      scores: { before: null, after: null },
    },
    { artifact, delta, master, card: Buffer.from(`${JSON.stringify({ ...card, labels: classes }, null, 2)}\n`) },
  );
}

const classesSchema = z
  .array(givenClassName)
  .min(2)
  .max(100_000)
  .refine((classes) => new Set(classes).size === classes.length, 'names one class twice');

function classesOf({ manifest, delta }: ReceivedWeights): readonly string[] {
  let named: unknown = manifest.classes;
  try {
    named ??= JSON.parse(decodeDelta(delta).metadata.classes ?? 'null');
  } catch {
    named = null;
  }
  const parsed = classesSchema.safeParse(named);
  if (parsed.success) return parsed.data;
  throw new WhetError('weights-corrupt', `the classes of ${manifest.version} cannot be used: ${z.prettifyError(parsed.error)}`, {
    hint: 'The sender must name each class once.',
  });
}
