// Another device's (or a fleet owner's) weights become a release here: rebuilt from this device's own base model, checked by hash, activated as
// a trained one is. Refuses weights of another base, cut or backbone, and names of classes that are none (`weights-corrupt`).
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { WhetError } from '../errors.ts';
import { loadModel } from '../model/load.ts';
import { rebuild } from '../model/rebuild.ts';
import { encodeSafeTensors } from '../onnx/codec/safetensors.ts';
import { decodeDelta } from '../onnx/forms/delta.ts';
import type { ReleaseManifest } from '../types.ts';
import { deploySource } from '../uplink/command-contract.ts';
import { verdictSchema } from '../uplink/payloads.ts';
import type { ReceivedWeights } from '../uplink/weights.ts';
import { always, operation } from './operation.ts';
import type { DeviceParts } from './parts.ts';
import { className, text } from './schemas.ts';

export const deploy = operation({
  summary: "Take a release over: its weights inside the command, or fetched from another device's topics",
  arguments: deploySource,
  result: z.object({ version: text, verdict: verdictSchema }),
  lane: 'long',
  rerunnable: always,
  async run(device, source, { signal }) {
    const { version, reason } = await install(device, await device.receive(source, signal));
    return { version, verdict: { kind: 'accepted' as const, reason } };
  },
});

type InstallParts = Pick<DeviceParts, 'config' | 'card' | 'base' | 'releases' | 'activation' | 'jobs'>;

/** Exported for tests. */
export async function install(
  parts: InstallParts,
  { manifest, delta }: ReceivedWeights,
): Promise<{ readonly version: string; readonly reason: string }> {
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
  // A candidate is judged against the release that is current: another one must not come in between.
  await jobs.exclusive(() => activation.activate(release.version));
  const reason =
    known === undefined
      ? `Deployed as ${release.version}; it passed its first health check.`
      : `Deployed: it was here already as ${release.version}.`;
  return { version: release.version, reason };
}

async function addRelease({ config, card, base, releases }: InstallParts, { manifest, delta }: ReceivedWeights): Promise<ReleaseManifest> {
  const artifact = rebuild(loadModel(config.model), manifest, delta);
  const classes = classesOf({ manifest, delta });
  const master = encodeSafeTensors({ tensors: new Map(), metadata: { base: base.sha256 } });
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
      scores: manifest.scores,
    },
    { artifact, delta, master, card: Buffer.from(`${JSON.stringify({ ...card, labels: classes }, null, 2)}\n`) },
  );
}

const classesSchema = z
  .array(className)
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
