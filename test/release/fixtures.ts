// A directory for releases that goes away with the test, and candidates of random bytes with true hashes.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { ReleaseFiles } from '../../agent/release/artifact.ts';
import { createReleases, type Releases } from '../../agent/release/releases.ts';
import type { ReleaseManifest } from '../../agent/types.ts';

export type Facts = Omit<ReleaseManifest, 'version' | 'createdAtMs'>;

export function temporaryRoot(): string {
  const directory = mkdtempSync(join(tmpdir(), 'whet-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'releases');
}

export function releasesIn(root: string): Releases {
  return createReleases(root, { now: () => 1_790_000_000_000, monotonicMs: () => 0 });
}

export function candidate(
  changes: Partial<Facts> = {},
  sizeBytes = 2000,
): { readonly facts: Facts; readonly files: ReleaseFiles & { readonly artifact: Buffer } } {
  const files = {
    artifact: randomBytes(sizeBytes),
    delta: randomBytes(100),
    master: randomBytes(200),
    card: Buffer.from('{"name":"test"}'),
  };
  const described = <F extends string>(file: F, bytes: Buffer) => ({
    file,
    bytes: bytes.byteLength,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  const facts: Facts = {
    base: { name: 'net', sha256: '1'.repeat(64), backbone: '2'.repeat(64), cut: '472' },
    artifact: described('model.onnx', files.artifact),
    delta: described('delta.safetensors', files.delta),
    master: described('master.safetensors', files.master),
    classes: ['cat', 'dog'],
    learner: 'closed-form',
    origin: 'training',
    run: 'r1',
    scores: { before: null, after: { value: 0.5, samples: 10, low: 0.2, high: 0.8 } },
    ...changes,
  };
  return { facts, files };
}

export async function addTo(releases: Releases, changes: Partial<Facts> = {}): Promise<string> {
  const { facts, files } = candidate(changes);
  return (await releases.add(facts, files)).version;
}

/** Added, activated and confirmed healthy. */
export async function goneLive(releases: Releases): Promise<string> {
  const version = await addTo(releases);
  await releases.activate(version);
  await releases.confirm(version);
  return version;
}
