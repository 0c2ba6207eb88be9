// A folder a class → the files of each class, and which class of the model each folder is. Refuses folders without classes, and names that
// the model does not have where its classes are to be kept (`data-unusable`, with what would help).
import { basename, dirname, join, sep } from 'node:path';
import { requireClear, unknownLabels } from '../candidate/class-plan.ts';
import { decodeName, shownPath } from '../capture/file-names.ts';
import { walk } from '../capture/folder-files.ts';
import { fileKind, isFolderPersons } from '../capture/folder-names.ts';
import { labelsLike, matchLabel } from '../config/class-names.ts';
import { WhetError } from '../errors.ts';

export interface ClassFolder {
  /** As people read it. */
  readonly name: string;
  readonly path: string;
  /** Paths of its files and of those in folders below it, sorted; what programs leave behind is left out. */
  readonly files: readonly string[];
}

export interface LabelledFile {
  readonly path: string;
  readonly label: number;
}

export interface ListOptions {
  /** Names of the model's classes: a folder that is called like one is never stepped into in search of classes. */
  readonly known?: readonly string[];
  readonly note?: ((sentence: string) => void) | undefined;
}

/** Everything below a class folder is of its class. A folder around the class folders, as archives bring it, is stepped into. */
export async function listClassFolders(directory: string, { known = [], note }: ListOptions = {}): Promise<readonly ClassFolder[]> {
  const root = decodeName(Buffer.from(directory));
  const { top, files, folders, ignored, unreadable } = await readTree(root);
  let start = '';
  let inside = top;
  for (let only = inside[0]; inside.length === 1 && only !== undefined; only = inside[0]) {
    const below = folders.filter((path) => dirname(path) === only);
    if (below.length === 0 || files.some((path) => dirname(path) === only) || labelsLike(shownPath(basename(only)), known).length > 0)
      break;
    note?.(`Folder '${shownPath(only)}' holds only folders; they were taken for the classes.`);
    [start, inside] = [only, below];
  }
  if (inside.length === 0) {
    throw new WhetError('data-unusable', `'${directory}' holds ${files.length} ${files.length === 1 ? 'file' : 'files'} and no folder`, {
      hint: 'Put the photographs into one folder a class: data/cat/1.jpg, data/dog/1.jpg …',
    });
  }
  for (const path of ignored.filter((path) => isFolderPersons(basename(path))))
    note?.(`Folder '${shownPath(path)}' was left out: names like this are given by programs. Rename it if its files are wanted.`);
  for (const { path, reason } of unreadable) note?.(`Folder '${shownPath(path)}' was left out: ${reason}.`);
  const beside = files.filter((path) => (start === '' ? '.' : start) === dirname(path) && fileKind(basename(path), null) === 'capture');
  if (beside.length > 0)
    note?.(
      `${beside.length} ${beside.length === 1 ? 'file lies' : 'files lie'} beside the class folders and were left out: '${shownPath(beside[0]!)}' …`,
    );
  return inside.sort().map((folder) => ({
    name: shownPath(basename(folder)),
    path: join(root, folder),
    files: files
      .filter((path) => path.startsWith(folder + sep))
      .map((path) => join(root, path))
      .sort(),
  }));
}

/** Files of a folder and all folders below it, whatever their names end in; paths below `root`. */
export async function readTree(root: string) {
  const { captures, foreign, folders, ignored, unreadable } = await walk(root, '', { kind: null, links: 'followed' });
  const failed = unreadable.find(({ path }) => path === '');
  if (failed !== undefined)
    throw new WhetError('data-unusable', `the data folder cannot be read: ${failed.reason}`, {
      hint: 'Check the path and its permissions.',
    });
  return { top: folders.filter((path) => dirname(path) === '.'), files: [...captures, ...foreign], folders, ignored, unreadable };
}

/** Names of the folders that hold something. */
export function filledNames(folders: readonly ClassFolder[]): readonly string[] {
  return folders.filter(({ files }) => files.length > 0).map(({ name }) => name);
}

/** Every file with its class. Throws `data-unusable` for folders with files that are none of `labels`. */
export function labelFiles(folders: readonly ClassFolder[], labels: readonly string[]): readonly LabelledFile[] {
  const names = filledNames(folders);
  requireClear(names, labels);
  const unknown = names.filter((name) => matchLabel(name, labels) === null);
  if (unknown.length > 0) throw unknownLabels(unknown, labels);
  return folders.flatMap(({ name, files }) => files.map((path) => ({ path, label: matchLabel(name, labels) as number })));
}

/** A sentence for each class that several folders are learned as. */
export function mergedFolders(folders: readonly ClassFolder[], labels: readonly string[]): readonly string[] {
  const filled = folders.filter(({ files }) => files.length > 0);
  return labels.flatMap((label, index) => {
    const names = filled.filter(({ name }) => matchLabel(name, labels) === index).map(({ name }) => `'${name}'`);
    return names.length > 1 ? [`Folders ${names.slice(0, -1).join(', ')} and ${names.at(-1)} are one class, '${label}'.`] : [];
  });
}
