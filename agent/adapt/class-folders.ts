// A folder a class → the files of each class, and which class of the model each folder is. Refuses folders without classes, and names that
// the model does not have where its classes are to be kept (`data-unusable`, with what would help).
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { labelSchema } from '../config/card.ts';
import { nearestName } from '../config/nearest-name.ts';
import { messageOf, WhetError } from '../errors.ts';

export type ClassMode = 'keep' | 'extend' | 'replace';

export interface ClassFolder {
  readonly name: string;
  /** Paths of its files, sorted; hidden ones and folders inside are left out. */
  readonly files: readonly string[];
}

export interface ClassPlan {
  /** Names of the new model's classes, in the order of its outputs. */
  readonly labels: readonly string[];
  /** For each of them the class of the base model that it continues; null where it is new. */
  readonly mapping: readonly (number | null)[];
}

export interface LabelledFile {
  readonly path: string;
  readonly label: number;
}

export async function listClassFolders(directory: string): Promise<readonly ClassFolder[]> {
  const names = await list(directory);
  const folders: ClassFolder[] = [];
  for (const name of names) {
    const path = join(directory, name);
    if (!(await isKind(path, 'folder'))) continue;
    const files: string[] = [];
    for (const file of await list(path)) if (await isKind(join(path, file), 'file')) files.push(join(path, file));
    folders.push({ name, files });
  }
  if (folders.length > 0) return folders;
  throw new WhetError('data-unusable', `'${directory}' holds ${names.length} ${names.length === 1 ? 'entry' : 'entries'} and no folder`, {
    hint: 'Put the photographs into one folder a class: data/cat/1.jpg, data/dog/1.jpg …',
  });
}

/** `known` are the base model's class names, in order; [] where no card names them. */
export function planClasses(mode: ClassMode, folders: readonly ClassFolder[], known: readonly string[], classes: number): ClassPlan {
  const filled = folders.filter((folder) => folder.files.length > 0);
  const unfit = filled.find(({ name }) => !labelSchema.safeParse(name).success);
  if (unfit !== undefined) {
    throw new WhetError('data-unusable', `${JSON.stringify(unfit.name)} cannot be the name of a class`, {
      hint: 'Names have at most 200 characters and no control characters.',
    });
  }
  if (mode === 'replace') {
    const labels = distinct(filled.map((folder) => folder.name));
    if (labels.length < 2) {
      throw new WhetError('data-unusable', `a classifier needs two classes; the data has ${labels.length} folder with files in it`, {
        hint: 'Add a folder of something else: what is seen or heard when the class is not there.',
      });
    }
    return { labels, mapping: labels.map(() => null) };
  }
  if (known.length !== classes) {
    throw new WhetError('card-invalid', `the model gives ${classes} classes, but its card names ${known.length}`, {
      hint: 'Write every class into "labels" of the model card, in the order of the outputs, or use --classes replace.',
    });
  }
  const unknown = distinct(filled.map((folder) => folder.name).filter((name) => matchLabel(name, known) === null));
  const same = known.map((_, index) => index);
  if (mode === 'extend') return { labels: [...known, ...unknown], mapping: [...same, ...unknown.map(() => null)] };
  if (unknown.length > 0) throw unknownLabels(unknown, known);
  return { labels: known, mapping: same };
}

/** Every file with its class. Throws `data-unusable` for folders with files that are none of `labels`. */
export function labelFiles(folders: readonly ClassFolder[], labels: readonly string[]): readonly LabelledFile[] {
  const unknown = folders.filter((folder) => folder.files.length > 0 && matchLabel(folder.name, labels) === null);
  if (unknown.length > 0)
    throw unknownLabels(
      unknown.map((folder) => folder.name),
      labels,
    );
  return folders.flatMap(({ name, files }) => files.map((path) => ({ path, label: matchLabel(name, labels) as number })));
}

/** Index of the label that a folder's name means: equal but for case, space, `_` and `-`, or equal to one of several names of one class. */
export function matchLabel(name: string, labels: readonly string[]): number | null {
  const wanted = simplify(name);
  const whole = labels.findIndex((label) => simplify(label) === wanted);
  if (whole >= 0) return whole;
  const parts = labels.flatMap((label, index) => (label.split(',').some((part) => simplify(part) === wanted) ? [index] : []));
  return parts.length === 1 ? (parts[0] as number) : null;
}

function simplify(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, ' ')
    .trim();
}

function distinct(names: readonly string[]): readonly string[] {
  return [...new Map(names.map((name) => [simplify(name), name] as const).reverse()).values()].reverse();
}

function unknownLabels(names: readonly string[], labels: readonly string[]): WhetError {
  const shown = names.slice(0, 5).map((name) => {
    const near = nearestName(name, labels);
    return near === undefined || near === null ? `'${name}'` : `'${name}' (did you mean '${near}'?)`;
  });
  const rest = names.length > 5 ? ` and ${names.length - 5} more` : '';
  return new WhetError('data-unusable', `no class of the model is called ${shown.join(', ')}${rest}`, {
    hint: 'Rename the folders after the labels of the model card, or use --classes extend to add classes, --classes replace to begin anew.',
  });
}

async function list(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    throw new WhetError('data-unusable', `the data folder cannot be read: ${messageOf(error)}`, {
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  }
}

async function isKind(path: string, kind: 'file' | 'folder'): Promise<boolean> {
  const facts = await stat(path).catch(() => null);
  // What cannot be looked at is listed as a file, so that it is counted and named as unreadable later.
  if (facts === null) return kind === 'file';
  return kind === 'folder' ? facts.isDirectory() : facts.isFile();
}
