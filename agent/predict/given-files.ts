// What a person named on the command line → the files to look at: files as they are, folders with all captures below them. What is not there
// is no error of its own: it gets a line like a file that cannot be read.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeName, pathBytes, shownPath } from '../capture/file-names.ts';
import { walk } from '../capture/folder-files.ts';
import { formats } from '../capture/folder-names.ts';
import type { CaptureKind } from '../types.ts';

export interface GivenFile {
  readonly path: string;
  /** Why it cannot be looked at; null where it is there. */
  readonly problem: string | null;
}

/** In the order in which they were named, folders sorted. */
export async function listGiven(
  names: readonly string[],
  kind: CaptureKind,
  note: ((sentence: string) => void) | undefined,
): Promise<readonly GivenFile[]> {
  const files: GivenFile[] = [];
  for (const name of names) {
    const path = decodeName(Buffer.from(name));
    const found = await stat(pathBytes(path)).catch(() => null);
    if (found?.isDirectory() === true) files.push(...(await inFolder(path, kind, note)));
    else if (found?.isFile() === true) files.push({ path, problem: null });
    else files.push({ path, problem: found === null ? 'there is no such file' : 'is neither a file nor a folder' });
  }
  return files;
}

async function inFolder(root: string, kind: CaptureKind, note: ((sentence: string) => void) | undefined): Promise<readonly GivenFile[]> {
  const { captures, foreign, unreadable } = await walk(root, '', { kind, links: 'followed' });
  for (const { path, reason } of unreadable) if (path !== '') note?.(`Folder '${shownPath(join(root, path))}' was left out: ${reason}.`);
  const [failed] = unreadable.filter(({ path }) => path === '');
  if (failed !== undefined) return [{ path: root, problem: `the folder cannot be read: ${failed.reason}` }];
  if (foreign.length > 0)
    note?.(
      `${foreign.length} ${foreign.length === 1 ? 'file' : 'files'} in '${shownPath(root)}' left out, '${shownPath(foreign[0]!)}' for one: ${formats[kind].listed} read.`,
    );
  if (captures.length === 0) return [{ path: root, problem: `holds no capture that this model takes: ${formats[kind].listed} read` }];
  // 2.jpg stands before 10.jpg.
  const sorted = [...captures].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return sorted.map((path) => ({ path: join(root, path), problem: null }));
}
