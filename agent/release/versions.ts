// The releases that are on the disk: listed, numbered, and the ones that may go. Takes the directory of releases; a directory that is no
// valid release is named, never deleted by itself.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, stateError, WhetError } from '../errors.ts';
import type { ReleaseManifest } from '../types.ts';
import { readManifest, verifyFiles, versionPattern } from './manifest.ts';

export interface Versions {
  /** Oldest first. */
  readonly manifests: readonly ReleaseManifest[];
  readonly broken: readonly { readonly version: string; readonly reason: string }[];
}

/** Reads every manifest; the hashes of the other files are only held against it by `verifyRelease`. */
export async function listVersions(root: string): Promise<Versions> {
  const manifests: ReleaseManifest[] = [];
  const broken: { readonly version: string; readonly reason: string }[] = [];
  for (const version of await versionNames(root)) {
    try {
      manifests.push(await readManifest(join(root, version), version));
    } catch (error) {
      broken.push({ version, reason: messageOf(error) });
    }
  }
  return { manifests, broken };
}

/** Names of the directories, oldest first; empty where the directory is missing. */
export async function versionNames(root: string): Promise<readonly string[]> {
  try {
    return (await readdir(root)).filter((name) => versionPattern.test(name)).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw stateError(error, 'list the releases', root);
  }
}

/** The manifest, after every file was held against it; throws `release-unknown` or `release-invalid`. */
export async function verifyRelease(root: string, version: string): Promise<ReleaseManifest> {
  const names = await versionNames(root);
  if (!names.includes(version)) {
    const known = names.length === 0 ? 'there is none' : `there are ${names.slice(-10).join(', ')}`;
    throw new WhetError('release-unknown', `no release '${version.slice(0, 100)}' on this device; ${known}`, {
      hint: 'See `whet models` for the versions, or use base.',
    });
  }
  const directory = join(root, version);
  const manifest = await readManifest(directory, version);
  await verifyFiles(directory, manifest);
  return manifest;
}

export function numberOf(version: string): number {
  return Number(version.slice(0, 6));
}

export function nameOfVersion(number: number, artifactSha256: string): string {
  if (number > 999_999) throw new WhetError('internal', `release numbers end at 999999, and ${number} is next`);
  return `${String(number).padStart(6, '0')}-${artifactSha256.slice(0, 8)}`;
}

/** What may go: all but `kept` and the newest `keep` of the others. */
export function prunable(names: readonly string[], kept: readonly string[], keep: number): readonly string[] {
  const others = names.filter((name) => !kept.includes(name)).sort();
  return others.slice(0, Math.max(0, others.length - keep));
}
