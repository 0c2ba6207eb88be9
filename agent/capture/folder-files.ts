// The file system below a watched folder: what is there, and the bytes of one file. Follows no symbolic link, so nothing outside the folder
// is read; refuses what is not a regular file, is too large, or changes while it is read.
import { constants } from 'node:fs';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { CaptureKind } from '../types.ts';
import { fileKind, isFolderWatched } from './folder-names.ts';

const maxDepth = 32;

/** A regular file as it stood when it was looked at. */
export interface FileLook {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

export type ReadOutcome =
  | { readonly kind: 'read'; readonly bytes: Uint8Array }
  | { readonly kind: 'changed' }
  | { readonly kind: 'unusable'; readonly reason: string };

export interface Walk {
  /** Paths below the root, of captures of the wanted kind. */
  readonly captures: readonly string[];
  /** Paths of files that are something else by their name. */
  readonly foreign: readonly string[];
  /** Folders that could not be read, with the reason. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

/** Everything below `root/start`; `start` '' is the root itself. */
export async function walk(root: string, start: string, kind: CaptureKind, signal: AbortSignal): Promise<Walk> {
  const found = { captures: [] as string[], foreign: [] as string[], unreadable: [] as { path: string; reason: string }[] };
  const open: { readonly path: string; readonly depth: number }[] = [{ path: start, depth: 0 }];
  for (let folder = open.pop(); folder !== undefined && !signal.aborted; folder = open.pop()) {
    const { path, depth } = folder;
    const entries = await readdir(join(root, path), { withFileTypes: true }).catch((error: unknown) => {
      found.unreadable.push({ path, reason: messageOf(error) });
      return [];
    });
    for (const entry of entries) {
      const below = join(path, entry.name);
      if (entry.isDirectory()) {
        if (depth < maxDepth && isFolderWatched(entry.name)) open.push({ path: below, depth: depth + 1 });
      } else if (entry.isFile()) {
        const named = fileKind(entry.name, kind);
        if (named === 'capture') found.captures.push(below);
        else if (named === 'foreign') found.foreign.push(below);
      }
    }
  }
  return found;
}

/** null where there is no regular file (any more); 'folder' where there is a folder. */
export async function look(path: string): Promise<FileLook | 'folder' | null> {
  const found = await lstat(path).catch(() => null);
  if (found?.isDirectory()) return 'folder';
  return found?.isFile() ? { sizeBytes: found.size, mtimeMs: Math.trunc(found.mtimeMs) } : null;
}

/** Reads the file at `root/below`, if it still is as it was seen. */
export async function readFile(root: string, below: string, seen: FileLook, maxBytes: number): Promise<ReadOutcome> {
  const path = join(root, below);
  if (seen.sizeBytes > maxBytes) {
    return { kind: 'unusable', reason: `${megabytes(seen.sizeBytes)} MB, over the limit of ${megabytes(maxBytes)} MB a file` };
  }
  try {
    // A notification may name a path through a linked folder; a walk never does.
    if ((await realpath(path)) !== join(await realpath(root), below)) return { kind: 'unusable', reason: 'lies behind a symbolic link' };
    // O_NOFOLLOW and O_NONBLOCK: whoever swaps the file for a link or a pipe in this moment gets an error, not our attention.
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const before = await file.stat();
    if (!before.isFile() || before.size !== seen.sizeBytes) return { kind: 'changed' };
    const bytes = new Uint8Array(before.size);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, filled);
      if (bytesRead === 0) return { kind: 'changed' };
      filled += bytesRead;
    }
    const after = await file.stat();
    return after.size === before.size && after.mtimeMs === before.mtimeMs ? { kind: 'read', bytes } : { kind: 'changed' };
  } catch (error) {
    const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return gone ? { kind: 'changed' } : { kind: 'unusable', reason: messageOf(error) };
  }
}

function megabytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 1024 / 1024);
}
