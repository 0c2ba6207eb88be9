// `whet import`: a folder a class, from `whet export` or made by hand → captures of the device, with their labels. What the device has already is
// not taken twice, and what cannot be read is named and stops nothing.
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, relative } from 'node:path';
import type { Command } from 'commander';
import { listClassFolders } from '../adapt/class-folders.ts';
import { pathBytes, shownPath } from '../capture/file-names.ts';
import { WhetError } from '../errors.ts';
import type { Arguments, Device } from '../operations/table.ts';
import { isUnreadable } from '../preprocess/capture-input.ts';
import { maxPictureBytes } from '../preprocess/picture.ts';
import type { Progress } from '../types.ts';
import { type ArchivedCapture, archiveFile, folderOf, readArchive } from './archive/archive.ts';
import { type DeviceOptions, type DeviceVerb, onDevice } from './on-device.ts';

export interface Imported {
  readonly folder: string;
  readonly stored: number;
  /** The device had them already. */
  readonly known: number;
  readonly refused: readonly { readonly file: string; readonly reason: string }[];
  readonly classes: Readonly<Record<string, number>>;
}

export function addImport(verb: DeviceVerb, signal: AbortSignal): Command {
  return verb('import', 'take labelled captures from a folder a class, as whet export writes it')
    .argument('<dir>', 'one folder a class, named like the class')
    .addHelpText(
      'after',
      `
With the captures.json of an export they keep their times and sources; a folder made by hand is taken as it is. Nothing is taken twice. A device with
"classes: keep" refuses classes that its model does not have.

Exit status: 0 when all was taken or there already, 65 when something was refused.

Example:
  whet import backup/ --config whetstone.yaml`,
    )
    .action(async (folder: string, options: DeviceOptions) => {
      await onDevice(options, async (device, output) => {
        const imported = await importCaptures(device, folder, { signal, progress: output.progress, note: output.note });
        output.result(imported, () => formatImported(imported));
        if (imported.refused.length > 0) process.exitCode = 65;
      });
    });
}

interface ImportOptions {
  readonly signal: AbortSignal;
  readonly progress: Progress;
  note(sentence: string): void;
}

interface Wanted {
  readonly path: string;
  /** For people, below the folder. */
  readonly file: string;
  readonly label: string;
  readonly entry: ArchivedCapture | null;
}

async function importCaptures(device: Device, folder: string, options: ImportOptions): Promise<Imported> {
  const wanted = await listWanted(folder, options);
  const counts = { stored: 0, known: 0 };
  const refused: { file: string; reason: string }[] = [];
  const classes: Record<string, number> = Object.create(null);
  for (const [at, one] of wanted.entries()) {
    options.signal.throwIfAborted();
    options.progress(at + 1, wanted.length, 'captures');
    try {
      const { outcome } = await device.add(await argumentsOf(one));
      counts[outcome] += 1;
      classes[one.label] = (classes[one.label] ?? 0) + 1;
    } catch (error) {
      if (!isOfOneFile(error)) throw error;
      refused.push({ file: one.file, reason: error.message });
    }
  }
  return { folder, ...counts, refused, classes };
}

/** A full disk ends an import; a file that is no good, or of a class that the model does not have, does not. */
function isOfOneFile(error: unknown): error is WhetError {
  return isUnreadable(error) || (error instanceof WhetError && ['data-unusable', 'capture-set-aside'].includes(error.code));
}

async function listWanted(folder: string, { note }: ImportOptions): Promise<readonly Wanted[]> {
  const archive = await readArchive(folder);
  const entries = new Map(archive?.captures.map((capture) => [capture.sample, capture]));
  const folders = await listClassFolders(folder, { note: (sentence) => !sentence.includes(archiveFile) && note(sentence) });
  return folders.flatMap(({ name, files }) =>
    files.map((path) => {
      const file = shownPath(relative(folder, path));
      const entry = entries.get(basename(path).replace(/\..*$/, '')) ?? null;
      // Who moves a file into the folder of another class says what it is.
      const label = entry !== null && dirname(file) === folderOf(entry.label) ? entry.label : name;
      return { path, file, label, entry };
    }),
  );
}

async function argumentsOf({ path, label, entry }: Wanted): Promise<Arguments<'add'>> {
  const facts = await stat(pathBytes(path));
  if (facts.size > maxPictureBytes)
    throw new WhetError('data-unusable', `${Math.round(facts.size / 2 ** 20)} MB, more than a capture may have`);
  if (facts.size === 0) throw new WhetError('data-unusable', 'it is empty');
  const capture = (await readFile(pathBytes(path))).toString('base64');
  const timeMs = Date.parse(entry?.time ?? '');
  return {
    capture,
    label,
    timeMs: Number.isNaN(timeMs) ? Math.max(0, Math.trunc(facts.mtimeMs)) : timeMs,
    ...(entry === null ? {} : { sample: entry.sample, source: entry.source, file: entry.wasFile === true }),
  };
}

function formatImported({ folder, stored, known, refused, classes }: Imported): string {
  const counts = Object.entries(classes).map(([label, count]) => `'${label}' ${count}`);
  return [
    `${stored} ${stored === 1 ? 'capture' : 'captures'} taken from ${folder}${known > 0 ? `, ${known} known already` : ''}`,
    ...(counts.length === 0 ? [] : [`classes   ${counts.join(', ')}`]),
    ...refused.slice(0, 10).map(({ file, reason }) => `refused   ${file}: ${reason}`),
    ...(refused.length > 10 ? [`          and ${refused.length - 10} more (--json lists all)`] : []),
  ].join('\n');
}
