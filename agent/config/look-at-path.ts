// What stands at a path, and who may use it: for checks of what a configuration names. Takes paths, gives words; changes nothing.
import { access, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative } from 'node:path';

export async function pathKind(path: string): Promise<'file' | 'folder' | 'special file' | 'missing'> {
  const found = await stat(path).catch(() => null);
  if (found === null) return 'missing';
  return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'special file';
}

/** `mode` as in access(2). */
export async function may(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** The path, or the nearest folder above it that is there. */
export async function nearestExisting(path: string): Promise<string> {
  return (await pathKind(path)) === 'missing' && dirname(path) !== path ? nearestExisting(dirname(path)) : path;
}

export function contains(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return !inside.startsWith('..') && !isAbsolute(inside);
}

export function readRemedy(path: string): string {
  return `Give the user that runs Whetstone the right to read ${path}.`;
}
