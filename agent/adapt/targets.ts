// Where the quantities of a regression stand → files with one number a target: `targets.csv` in the folder (file, then a column a target), or
// folders that are named like their number. Refuses numbers that are none, files that are not there, and paths that lead out (`data-unusable`).
import { lstat, readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { WhetError } from '../errors.ts';
import { separatorOf, splitLine } from '../preprocess/text-lines.ts';
import { quantities } from '../tasks/quantities.ts';
import { type LabelledFile, listClassFolders } from './class-folders.ts';

export interface Target {
  readonly name: string;
  /** '' where it is not known. */
  readonly unit: string;
}

export interface TargetFiles {
  readonly targets: readonly Target[];
  readonly files: readonly LabelledFile[];
  /** One number a target, by path. */
  readonly values: ReadonlyMap<string, readonly number[]>;
}

const maxTableBytes = 16 * 1024 * 1024;
const maxTargets = 256;
const table = 'targets.csv';

export async function readTargets(directory: string): Promise<TargetFiles> {
  const path = join(directory, table);
  const facts = await stat(path).catch(() => null);
  if (facts === null) return fromFolders(directory);
  if (facts.size > maxTableBytes) throw unusable(`'${path}' has ${facts.size} bytes; at most ${maxTableBytes} are read`);
  const lines = (await readFile(path, 'utf8')).split(/\r\n|\n|\r/).map((text, index) => ({ text, line: index + 1 }));
  const [header, ...rows] = lines.filter(({ text }) => text.trim() !== '');
  if (header === undefined) throw unusable(`'${path}' is empty`);
  const separator = separatorOf(header.text);
  const [, ...names] = splitLine(header.text, separator);
  if (names.length === 0 || names.length > maxTargets || names.some((name) => name === ''))
    throw unusable(`the first line of '${path}' names ${names.length} targets: '${header.text.slice(0, 80)}'`);
  const root = await realpath(directory);
  const values = new Map<string, readonly number[]>();
  for (const { text, line } of rows) {
    const [name = '', ...cells] = splitLine(text, separator);
    const file = resolve(directory, name);
    const real = await realpath(file).catch(() => null);
    if (real === null || !(await lstat(real)).isFile())
      throw unusable(`line ${line} of '${path}' names '${name}', and there is no such file`);
    if (!real.startsWith(root + sep)) throw unusable(`line ${line} of '${path}' names '${name}', which lies outside of the folder`);
    if (values.has(file)) throw unusable(`'${name}' stands twice in '${path}', again at line ${line}`);
    const numbers = cells.map((cell) => quantities.target(cell)).filter((number) => number !== null);
    if (numbers.length !== names.length || cells.length !== names.length)
      throw unusable(
        `line ${line} of '${path}' does not hold ${names.length} ${names.length === 1 ? 'number' : 'numbers'}: '${text.slice(0, 80)}'`,
      );
    values.set(file, numbers);
  }
  return { targets: names.map(targetOf), files: [...values.keys()].map((file) => ({ path: file, label: 0 })), values };
}

async function fromFolders(directory: string): Promise<TargetFiles> {
  const values = new Map<string, readonly number[]>();
  const folders = await listClassFolders(directory).catch((error: unknown) => {
    // Of files without a folder it would say how classes are laid out.
    if (error instanceof WhetError && error.message.includes('no folder')) throw unusable(`'${directory}' has no ${table}, and no folder`);
    throw error;
  });
  for (const { name, files } of folders) {
    const number = quantities.target(name);
    if (number === null) throw unusable(`'${directory}' has no ${table}, and its folder '${name}' is not named like a number`);
    for (const path of files) values.set(path, [number]);
  }
  return { targets: [{ name: 'value', unit: '' }], files: [...values.keys()].map((path) => ({ path, label: 0 })), values };
}

/** 'weight [kg]' → weight in kg. */
function targetOf(name: string): Target {
  const parts = /^(.*?)\s*\[([^\]]*)\]$/.exec(name);
  return parts === null ? { name, unit: '' } : { name: parts[1] as string, unit: parts[2] as string };
}

function unusable(what: string): WhetError {
  return new WhetError('data-unusable', what, {
    hint: `Write ${table} into the folder: a line "file,weight [kg]", then a line a capture: "a.jpg,1.25". Or use folders named like their number.`,
  });
}
