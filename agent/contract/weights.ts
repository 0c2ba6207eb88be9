// Weights on the wire: the safetensors of a release ⇄ numbered chunks and a manifest that names sizes and hashes. Refuses chunks of the
// wrong size or number, and bytes whose hash is not the announced one; a receiver never holds more than the manifest says.
import { createHash } from 'node:crypto';
import { WhetError } from '../errors.ts';
import type { OutboxMessage, ReleaseManifest } from '../types.ts';
import { maxInlineBytes } from './command-contract.ts';
import { type ModelManifest, maxDeltaBytes } from './payloads.ts';
import { chunkTopic } from './topics.ts';

/** What is announced about the current model; sizes and hashes of its weights are added from the bytes themselves. */
export type PublishedModel = Omit<ModelManifest, 'timeMs' | 'delta'>;

export interface ReceivedWeights {
  readonly manifest: ModelManifest;
  readonly delta: Uint8Array;
}

/** The part of a release's manifest that others need; the float master weights stay on the device. */
export function publishedModel(release: ReleaseManifest): PublishedModel {
  const { version, createdAtMs, base, artifact, classes, learner, origin, run, scores } = release;
  return {
    version,
    createdAtMs,
    base,
    artifact: { bytes: artifact.bytes, sha256: artifact.sha256 },
    classes: [...classes],
    learner,
    origin,
    run,
    scores,
  };
}

/** What is known of a release's weights without reading them. */
export type DeltaFacts = Pick<ReleaseManifest['delta'], 'bytes' | 'sha256'>;

export function describeDelta({ bytes, sha256 }: DeltaFacts, chunkBytes: number): NonNullable<ModelManifest['delta']> {
  if (bytes === 0 || bytes > maxDeltaBytes) {
    throw new WhetError('internal', `weights of ${bytes} bytes cannot be published: from 1 to ${maxDeltaBytes} bytes can`);
  }
  return { bytes, sha256, chunks: Math.ceil(bytes / chunkBytes), chunkBytes };
}

/**
 * One outbox message a chunk, without its bytes: those are read from the release when its turn comes. A newer release replaces chunks that
 * still wait: nobody wants the older ones any more.
 */
export function chunkMessages(version: string, delta: DeltaFacts, chunkBytes: number, timeMs: number): readonly OutboxMessage[] {
  const { chunks } = describeDelta(delta, chunkBytes);
  return Array.from({ length: chunks }, (_, chunk) => ({
    topic: chunkTopic(version, chunk),
    payload: new Uint8Array(),
    retain: false,
    timeMs,
    replaceKey: `chunk/${chunk}`,
    priority: 'low',
  }));
}

export interface Assembly {
  /** null where the chunk was taken (again, too), else why not. */
  add(chunk: number, bytes: Uint8Array): string | null;
  readonly received: number;
  missing(): readonly number[];
  /** The verified bytes. Throws `weights-corrupt` where the hash is another. */
  finish(): Uint8Array;
}

/** Throws `weights-corrupt` where the manifest's own numbers do not fit together. */
export function createAssembly(delta: NonNullable<ModelManifest['delta']>): Assembly {
  if (delta.chunks !== Math.ceil(delta.bytes / delta.chunkBytes)) {
    throw new WhetError(
      'weights-corrupt',
      `manifest: ${delta.bytes} bytes in chunks of ${delta.chunkBytes} are not ${delta.chunks} chunks`,
    );
  }
  const whole = new Uint8Array(delta.bytes);
  const have = new Set<number>();
  const sizeOf = (chunk: number) => Math.min(delta.chunkBytes, delta.bytes - chunk * delta.chunkBytes);
  return {
    add(chunk, bytes) {
      if (!Number.isInteger(chunk) || chunk < 0 || chunk >= delta.chunks) return `chunk ${chunk} is not one of ${delta.chunks}`;
      if (bytes.byteLength !== sizeOf(chunk)) return `chunk ${chunk} has ${bytes.byteLength} bytes instead of ${sizeOf(chunk)}`;
      whole.set(bytes, chunk * delta.chunkBytes);
      have.add(chunk);
      return null;
    },
    get received() {
      return have.size;
    },
    missing: () => Array.from({ length: delta.chunks }, (_, chunk) => chunk).filter((chunk) => !have.has(chunk)),
    finish: () => verified(whole, delta.sha256),
  };
}

/** The weights inside a deploy command. Throws `weights-corrupt` where they are not what their manifest says. */
export function inlineWeights(manifest: ModelManifest, base64: string): ReceivedWeights {
  const delta = new Uint8Array(Buffer.from(base64, 'base64'));
  if (manifest.delta === null) throw new WhetError('weights-corrupt', 'the manifest announces no weights (delta is null)');
  if (delta.byteLength > maxInlineBytes || delta.byteLength !== manifest.delta.bytes) {
    throw new WhetError('weights-corrupt', `data has ${delta.byteLength} bytes, the manifest says ${manifest.delta.bytes}`);
  }
  return { manifest, delta: verified(delta, manifest.delta.sha256) };
}

function verified(bytes: Uint8Array, sha256: string): Uint8Array {
  const found = sha256Of(bytes);
  if (found === sha256) return bytes;
  throw new WhetError('weights-corrupt', `the weights have the sha256 ${found}, the manifest says ${sha256}`, {
    hint: 'Ask again; if it stays so, somebody else publishes on the topics of this device.',
  });
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
