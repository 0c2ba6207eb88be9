// The file system below a folder of captures: what is there, and the bytes of one file. In a watched folder no symbolic link is followed, so that
// nothing outside of it is read; refuses what is not a regular file, is too large, or changes while it is read.
import { constants, type Dirent } from 'node:fs';
import { lstat, open, opendir, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { CaptureKind } from '../types.ts';
import { decodeName, pathBytes } from './file-names.ts';
import { fileKind, isFolderWatched } from './folder-names.ts';

const maxDepth = 32;
/** Folders that wait to be read; more are left out. */
const maxFolders = 100_000;

/** A regular file as it stood when it was looked at. */
export interface FileLook {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

export type ReadOutcome =
  | { readonly kind: 'read'; readonly bytes: Uint8Array }
  | { readonly kind: 'changed' }
  | { readonly kind: 'unusable'; readonly reason: string };

/** What stands below a folder: captures of the wanted kind, files that are something else by their name, folders, and those not looked into. */
export type Entry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'capture' | 'foreign' | 'ignored'; readonly path: string }
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string };

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

/** Everything below `root/start`, in an order that is always the same; `start` '' is the root itself. */
export async function walk(root: string, start: string, options: WalkOptions): Promise<Walk> {
  const found: Entry[] = [];
  for await (const entry of entriesBelow(root, start, options, sorted)) found.push(entry);
  const pathsOf = (kind: Entry['kind']) => found.filter((entry) => entry.kind === kind).map(({ path }) => path);
  return {
    captures: pathsOf('capture'),
    foreign: pathsOf('foreign'),
    folders: pathsOf('folder'),
    ignored: pathsOf('ignored'),
    unreadable: found.flatMap((entry) => (entry.kind === 'unreadable' ? [{ path: entry.path, reason: entry.reason }] : [])),
  };
}

/** The same one by one, in whatever order the system has it: in memory are few entries, and the folders that are still to be read. */
export function stream(root: string, start: string, options: WalkOptions): AsyncGenerator<Entry> {
  return entriesBelow(root, start, options, unsorted);
}

type Listing = (path: string | Buffer) => AsyncIterable<Dirent<Buffer>> | Iterable<Dirent<Buffer>>;

async function* sorted(path: string | Buffer) {
  yield* await readdir(path, { withFileTypes: true, encoding: 'buffer' });
}

async function* unsorted(path: string | Buffer) {
  // Its types know no encoding 'buffer'.
  yield* (await opendir(path, { encoding: 'buffer' as BufferEncoding, bufferSize: 256 })) as unknown as AsyncIterable<Dirent<Buffer>>;
}

async function* entriesBelow(root: string, start: string, { kind, links, signal }: WalkOptions, list: Listing): AsyncGenerator<Entry> {
  const linked = new Set<string>();
  const open: { readonly path: string; readonly depth: number }[] = [{ path: start, depth: 0 }];
  for (let folder = open.pop(); folder !== undefined && !signal?.aborted; folder = open.pop()) {
    const { path, depth } = folder;
    try {
      for await (const entry of list(pathBytes(join(root, path)))) {
        if (signal?.aborted) return;
        const name = decodeName(entry.name);
        const below = join(path, name);
        const isLink = links === 'followed' && entry.isSymbolicLink();
        const what = isLink ? await stat(pathBytes(join(root, below)), { bigint: true }).catch(() => null) : entry;
        if (what?.isDirectory()) {
          // What a link leads to is looked into once: links may lead in a circle.
          const isKnown = 'ino' in what && linked.has(`${what.dev} ${what.ino}`);
          if ('ino' in what) linked.add(`${what.dev} ${what.ino}`);
          if (!isFolderWatched(name)) yield { kind: 'ignored', path: below };
          else if (open.length >= maxFolders)
            yield { kind: 'unreadable', path: below, reason: `more than ${maxFolders} folders wait to be read` };
          else if (depth < maxDepth && !isKnown) {
            open.push({ path: below, depth: depth + 1 });
            yield { kind: 'folder', path: below };
          }
        } else if (what === null || what.isFile()) {
          const named = fileKind(name, kind);
          if (named !== 'ignored') yield { kind: named, path: below };
        }
      }
    } catch (error) {
      yield { kind: 'unreadable', path, reason: messageOf(error) };
    }
  }
}

/** Which folder stands at a path, also where it is a link to one; null where none does. */
export async function identityOf(path: string): Promise<string | null> {
  const found = await stat(pathBytes(path), { bigint: true }).catch(() => null);
  return found?.isDirectory() ? `${found.dev} ${found.ino}` : null;
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
