// The file system below a folder of captures: what is there, and the bytes of one file. In a watched folder no symbolic link is followed, so that
// nothing outside of it is read; refuses what is not a regular file, is too large, or changes while it is read.
import { constants } from 'node:fs';
import { lstat, open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { CaptureKind } from '../types.ts';
import { decodeName, pathBytes } from './file-names.ts';
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
  readonly folders: readonly string[];
  /** Folders that are not looked into because of their names. */
  readonly ignored: readonly string[];
  /** Folders that could not be read, with the reason. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
}

export interface WalkOptions {
  /** null: of any kind. */
  readonly kind: CaptureKind | null;
  /** Links lead out of a watched folder, and strangers may write into that; a person who names a folder means what is linked there, too. */
  readonly links: 'left' | 'followed';
  readonly signal?: AbortSignal | undefined;
}

/** Everything below `root/start`; `start` '' is the root itself. */
export async function walk(root: string, start: string, { kind, links, signal }: WalkOptions): Promise<Walk> {
  const found = {
    captures: [] as string[],
    foreign: [] as string[],
    folders: [] as string[],
    ignored: [] as string[],
    unreadable: [] as { path: string; reason: string }[],
  };
  const linked = new Set<string>();
  const open: { readonly path: string; readonly depth: number }[] = [{ path: start, depth: 0 }];
  for (let folder = open.pop(); folder !== undefined && signal?.aborted !== true; folder = open.pop()) {
    const { path, depth } = folder;
    const entries = await readdir(pathBytes(join(root, path)), { withFileTypes: true, encoding: 'buffer' }).catch((error: unknown) => {
      found.unreadable.push({ path, reason: messageOf(error) });
      return [];
    });
    for (const entry of entries) {
      const name = decodeName(entry.name);
      const below = join(path, name);
      const isLink = links === 'followed' && entry.isSymbolicLink();
      const what = isLink ? await stat(pathBytes(join(root, below)), { bigint: true }).catch(() => null) : entry;
      if (what?.isDirectory()) {
        // What a link leads to is looked into once: links may lead in a circle.
        const isKnown = 'ino' in what && linked.has(`${what.dev} ${what.ino}`);
        if ('ino' in what) linked.add(`${what.dev} ${what.ino}`);
        if (!isFolderWatched(name)) found.ignored.push(below);
        else if (depth < maxDepth && !isKnown) {
          found.folders.push(below);
          open.push({ path: below, depth: depth + 1 });
        }
      } else if (what === null || what.isFile()) {
        const named = fileKind(name, kind);
        if (named === 'capture') found.captures.push(below);
        else if (named === 'foreign') found.foreign.push(below);
      }
    }
  }
  return found;
}

/** null where there is no regular file (any more); 'folder' where there is a folder. */
export async function look(path: string): Promise<FileLook | 'folder' | null> {
  const found = await lstat(pathBytes(path)).catch(() => null);
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
    if ((await realOf(path)) !== join(await realOf(root), below)) return { kind: 'unusable', reason: 'lies behind a symbolic link' };
    // O_NOFOLLOW and O_NONBLOCK: whoever swaps the file for a link or a pipe in this moment gets an error, not our attention.
    await using file = await open(pathBytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
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

async function realOf(path: string): Promise<string> {
  return decodeName(await realpath(pathBytes(path), { encoding: 'buffer' }));
}

function megabytes(sizeBytes: number): number {
  return Math.ceil(sizeBytes / 1024 / 1024);
}
