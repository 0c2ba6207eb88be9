// A release comes onto the disk whole or not at all: everything into a directory of a temporary name, checked and flushed, then renamed.
// Takes contents or paths of files and the facts about them; refuses files that are not what the facts say.
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReleaseManifest } from '../types.ts';
import { flushDirectory, makeDirectory, moveFlushed, temporaryBeside, writeFlushed } from './durable.ts';
import { cardFile, type DescribedFile, describedFiles, manifestFile, manifestSchema, verifyFiles, versionPattern } from './manifest.ts';

/** Bytes, or a file that will not change any more. */
export type Contents = Uint8Array | { readonly path: string };

export interface ReleaseFiles extends Readonly<Record<DescribedFile, Contents>> {
  /** The model card, as JSON text. */
  readonly card: Contents;
}

/** Writes `<root>/<manifest.version>`; durable when it returns. The name must be free. */
export async function writeRelease(root: string, manifest: ReleaseManifest, files: ReleaseFiles): Promise<void> {
  const directory = join(root, manifest.version);
  const part = temporaryBeside(directory);
  try {
    await makeDirectory(part);
    for (const kind of Object.keys(describedFiles) as DescribedFile[]) await writeFlushed(join(part, describedFiles[kind]), files[kind]);
    await writeFlushed(join(part, cardFile), files.card);
    const text = `${JSON.stringify(manifestSchema.parse(manifest), null, 2)}\n`;
    await writeFlushed(join(part, manifestFile), Buffer.from(text));
    await verifyFiles(part, manifest);
    await flushDirectory(part);
    await moveFlushed(part, directory);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

/** A part of one of its files; null where the release is gone, shorter at the end of the file. */
export async function readPart(
  root: string,
  version: string,
  kind: DescribedFile,
  offset: number,
  length: number,
): Promise<Uint8Array | null> {
  if (!versionPattern.test(version)) return null;
  const file = await open(join(root, version, describedFiles[kind])).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
