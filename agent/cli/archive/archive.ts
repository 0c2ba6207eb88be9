// A folder of labelled captures: a folder a class with the captures as they came, and captures.json beside them, which says what each file is. It is
// written whole or not at all, holds its place when written again, and is read as a stranger's when it comes from elsewhere.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, WhetError } from '../../errors.ts';

export const archiveFile = 'captures.json';

export interface ArchivedCapture {
  /** Below the archive, with '/'. */
  readonly file: string;
  readonly label: string;
  readonly sample: string;
  /** ISO 8601. */
  readonly time: string;
  readonly source: string;
  /** It was a file of its own: its time says nothing about which captures belong together. */
  readonly wasFile: boolean;
  readonly labelledBy: string | null;
  readonly labelledAt: string | null;
  /** What the device said of it, and by which release. */
  readonly said: string | null;
  readonly confidence: number | null;
  readonly release: string;
}

export interface Archive {
  readonly format: 'whetstone captures 1';
  readonly device: string;
  readonly model: string;
  readonly captures: readonly ArchivedCapture[];
}

/** null where there is none; throws `data-unusable` where the file is something else. */
export async function readArchive(folder: string): Promise<Archive | null> {
  const path = join(folder, archiveFile);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new WhetError('data-unusable', `cannot read '${path}': ${error.message}`, { cause: error });
  });
  if (text === null) return null;
  const found = parsed(text);
  if (isArchive(found)) return found;
  throw new WhetError('data-unusable', `'${path}' is not a list of captures that whet export wrote`, {
    hint: 'Name another folder, or move this file away.',
  });
}

export async function writeArchive(folder: string, archive: Archive): Promise<void> {
  const path = join(folder, archiveFile);
  try {
    await writeFile(`${path}.part`, `${JSON.stringify(archive, null, 2)}\n`, { flush: true });
    await rename(`${path}.part`, path);
  } catch (error) {
    throw new WhetError('output-failed', `cannot write '${path}': ${messageOf(error)}`, { cause: error });
  }
}

/** A folder for a class: its name where a file system takes it, else with the rest as %XX; the archive has the name itself. */
export function folderOf(label: string): string {
  const escaped = label.replaceAll(/[/\\:*?"<>|%]|^[.\s~#@$]|[.\s~]$/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
  // A name in a file system has at most 255 bytes.
  let name = '';
  for (const character of escaped) if (Buffer.byteLength(name + character) <= 200) name += character;
  return name;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isArchive(value: unknown): value is Archive {
  if (typeof value !== 'object' || value === null) return false;
  const { format, captures } = value as Partial<Archive>;
  return format === 'whetstone captures 1' && Array.isArray(captures) && captures.every(isCapture);
}

function isCapture(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { file, label, sample, time, source } = value as Partial<ArchivedCapture>;
  return [file, label, sample, time, source].every((text) => typeof text === 'string');
}
