// A folder of captures, with or without a folder a class → files, divided into those that calibrate and those that judge. Refuses folders with
// no file in them (`data-unusable`).
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type LabelledFile, listClassFolders, matchLabel } from '../adapt/class-folders.ts';
import { messageOf, WhetError } from '../errors.ts';

/** The label of a file whose class is not known. */
export const unknownLabel = -1;

/** Files of a folder a class, labelled where the folder is named like a class; else the files that lie in the folder itself. */
export async function listCaptures(directory: string, labels: readonly string[]): Promise<readonly LabelledFile[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    throw new WhetError('data-unusable', `the data folder cannot be read: ${messageOf(error)}`, {
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  });
  const kinds = await Promise.all(
    names
      .filter((name) => !name.startsWith('.'))
      .sort()
      .map(async (name) => ({
        path: join(directory, name),
        isFolder: (await stat(join(directory, name)).catch(() => null))?.isDirectory() === true,
      })),
  );
  const files = kinds.some(({ isFolder }) => isFolder)
    ? (await listClassFolders(directory)).flatMap(({ name, files: paths }) =>
        paths.map((path) => ({ path, label: matchLabel(name, labels) ?? unknownLabel })),
      )
    : kinds.map(({ path }) => ({ path, label: unknownLabel }));
  if (files.length > 0) return files;
  throw new WhetError('data-unusable', `'${directory}' holds no files`, { hint: 'Give a folder of captures, or of one folder a class.' });
}

/** `wanted` files spread evenly over the list (and so over its classes), and the rest. */
export function spread(
  files: readonly LabelledFile[],
  wanted: number,
): { readonly taken: readonly LabelledFile[]; readonly rest: readonly LabelledFile[] } {
  const count = Math.min(wanted, files.length);
  const chosen = new Set(Array.from({ length: count }, (_, at) => Math.floor(((at + 0.5) * files.length) / count)));
  return { taken: files.filter((_, at) => chosen.has(at)), rest: files.filter((_, at) => !chosen.has(at)) };
}
