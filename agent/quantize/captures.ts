// A folder of captures, with or without a folder a class → files, divided into those that calibrate and those that judge. Refuses folders with
// no file in them (`data-unusable`).
import { dirname, join } from 'node:path';
import { type LabelledFile, listClassFolders, readTree } from '../adapt/class-folders.ts';
import { decodeName } from '../capture/file-names.ts';
import { fileKind } from '../capture/folder-names.ts';
import { matchLabel } from '../config/class-names.ts';
import { WhetError } from '../errors.ts';

/** The label of a file whose class is not known. */
const unknownLabel = -1;

/** All files of a folder and below it, labelled where they lie in a folder that is named like a class. */
export async function listCaptures(directory: string, labels: readonly string[]): Promise<readonly LabelledFile[]> {
  const root = decodeName(Buffer.from(directory));
  const { top, files: all } = await readTree(root);
  // Where there are folders, what lies beside them may be anything.
  const loose = all.filter((path) => dirname(path) === '.' && (top.length === 0 || fileKind(path, null) === 'capture'));
  const inFolders = top.length === 0 ? [] : await listClassFolders(directory, { known: labels });
  const files = [
    ...loose.sort().map((path) => ({ path: join(root, path), label: unknownLabel })),
    ...inFolders.flatMap(({ name, files: paths }) => paths.map((path) => ({ path, label: matchLabel(name, labels) ?? unknownLabel }))),
  ];
  if (files.length > 0) return files;
  throw new WhetError('data-unusable', `'${directory}' holds no files`, { hint: 'Give a folder of captures, or of one folder a class.' });
}

/** `wanted` files spread evenly over the list (and so over its classes), and the rest. */
export function takeEvenly(
  files: readonly LabelledFile[],
  wanted: number,
): { readonly taken: readonly LabelledFile[]; readonly rest: readonly LabelledFile[] } {
  const count = Math.min(wanted, files.length);
  const chosen = new Set(Array.from({ length: count }, (_, at) => Math.floor(((at + 0.5) * files.length) / count)));
  return { taken: files.filter((_, at) => chosen.has(at)), rest: files.filter((_, at) => !chosen.has(at)) };
}
