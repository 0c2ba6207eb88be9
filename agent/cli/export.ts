// `whet export`: labelled captures of a device → a folder a class, the bytes as they came, and a list that says what each is. Goes on where it was
// broken off; a file that is there stays as it is, also where somebody changed it.
import type { Dirent } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { messageOf, WhetError } from '../errors.ts';
import type { SampleFacts } from '../operations/samples.ts';
import type { Device } from '../operations/table.ts';
import { captureFormat } from '../preprocess/capture-format.ts';
import { recordOf } from '../tasks/table.ts';
import type { Progress } from '../types.ts';
import { type ArchivedCapture, folderOf, readArchive, writeArchive } from './archive/archive.ts';
import { type DeviceOptions, type DeviceVerb, onDevice } from './on-device.ts';

export interface Exported {
  readonly folder: string;
  readonly written: number;
  /** They were there already. */
  readonly there: number;
  /** Their label changed since; their file was moved. */
  readonly moved: number;
  /** Files that somebody changed; left as they are. */
  readonly changed: readonly string[];
  /** Labelled samples of which only what is learned from is kept. */
  readonly withoutCapture: number;
  readonly classes: Readonly<Record<string, number>>;
}

export function addExport(verb: DeviceVerb, signal: AbortSignal): Command {
  return verb('export', 'write the labelled captures into a folder a class, for a backup, another device or another program')
    .argument('<dir>', 'where they go; made where it is not there')
    .option('--label <class>', 'captures of this class alone')
    .option('--source <name>', 'captures of this source alone')
    .addHelpText(
      'after',
      `
The bytes are those that the source gave. captures.json beside the folders says of each its time, source, label and who gave it. Running it again adds
what is new and moves what was labelled otherwise; no file is overwritten.

Examples:
  whet export backup/
  whet import backup/ --config other.yaml           # into another device
  whet adapt model.onnx --data backup --out mine.onnx`,
    )
    .action(async (folder: string, options: DeviceOptions & { readonly label?: string; readonly source?: string }) => {
      await onDevice(options, async (device, output) => {
        const { label, source } = options;
        const exported = await exportCaptures(device, folder, { label, source, signal, progress: output.progress });
        output.result(exported, () => formatExported(exported));
      });
    });
}

interface ExportOptions {
  readonly label: string | undefined;
  readonly source: string | undefined;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

async function exportCaptures(device: Device, folder: string, options: ExportOptions): Promise<Exported> {
  const { device: name, model } = await device.status({});
  await makeFolder(folder);
  const earlier = await readArchive(folder);
  const captures = new Map(earlier?.captures.map((capture) => [capture.sample, capture]));
  const save = () =>
    writeArchive(folder, { format: 'whetstone captures 1', device: name, model: model.name, captures: [...captures.values()] });
  const found = await labelledSamples(device, options);
  const counts = { written: 0, there: 0, moved: 0, withoutCapture: 0 };
  const changed: string[] = [];
  const classes: Record<string, number> = Object.create(null);
  try {
    for (const [at, sample] of found.entries()) {
      options.signal.throwIfAborted();
      options.progress(at + 1, found.length, 'captures');
      const outcome = await exportOne(device, folder, sample, captures.get(sample.sample) ?? null);
      if (outcome.kind === 'changed') changed.push(outcome.file);
      else counts[outcome.kind] += 1;
      if ('capture' in outcome) captures.set(sample.sample, outcome.capture);
      if (outcome.kind !== 'withoutCapture') classes[sample.label!] = (classes[sample.label!] ?? 0) + 1;
    }
  } finally {
    // Also of an export that was broken off: the next one knows what is there.
    await save();
  }
  return { folder, ...counts, changed, classes };
}

async function labelledSamples(device: Device, { label, source }: ExportOptions): Promise<readonly SampleFacts[]> {
  const found: SampleFacts[] = [];
  for (let more = true; more; ) {
    const after = found.at(-1)?.sample;
    const page = await device.samples({ labelled: true, limit: 100, label, source, after });
    found.push(...page.samples);
    more = page.more;
  }
  return found;
}

type Outcome =
  | { readonly kind: 'written' | 'there' | 'moved'; readonly capture: ArchivedCapture }
  | { readonly kind: 'changed'; readonly file: string }
  | { readonly kind: 'withoutCapture' };

async function exportOne(device: Device, folder: string, sample: SampleFacts, earlier: ArchivedCapture | null): Promise<Outcome> {
  const { capture: encoded, kind } = sample.hasCapture
    ? await device.show({ sample: sample.sample })
    : { capture: null, kind: 'image' as const };
  if (encoded === null) return { kind: 'withoutCapture' };
  const bytes = Buffer.from(encoded, 'base64');
  const file = `${folderOf(sample.label!)}/${sample.sample}${captureFormat(bytes, kind).ending}`;
  const capture = archived(sample, file);
  if (
    earlier !== null &&
    earlier.file !== file &&
    (await isSame(join(folder, earlier.file), bytes)) &&
    isOurs(earlier.file, sample.sample)
  ) {
    await makeFolder(dirname(join(folder, file)));
    await rename(join(folder, earlier.file), join(folder, file));
    await removeIfEmpty(dirname(join(folder, earlier.file)));
    return { kind: 'moved', capture };
  }
  const there = await isSame(join(folder, file), bytes);
  if (there !== null) return there ? { kind: 'there', capture } : { kind: 'changed', file };
  await makeFolder(dirname(join(folder, file)));
  await writeNew(join(folder, file), bytes);
  return { kind: 'written', capture };
}

/** The list may come from elsewhere: no file is moved that does not bear the name of its sample. */
function isOurs(file: string, sample: string): boolean {
  return /^[^/]+\/[^/]+$/.test(file) && !file.startsWith('..') && file.split('/')[1]!.startsWith(`${sample}.`);
}

function archived(
  { sample, timeMs, source, origin, label, labelledBy, labelledMs, answer, guesses, release }: SampleFacts,
  file: string,
): ArchivedCapture {
  return {
    file,
    label: label!,
    sample,
    time: new Date(timeMs).toISOString(),
    source,
    wasFile: origin !== null,
    labelledBy,
    labelledAt: labelledMs === null ? null : new Date(labelledMs).toISOString(),
    said: recordOf(answer).word(answer),
    confidence: guesses[0]?.confidence ?? null,
    release,
  };
}

/** null where there is no such file. */
async function isSame(path: string, bytes: Uint8Array): Promise<boolean | null> {
  const found = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw new WhetError('output-failed', `cannot read '${path}', which is in the way: ${error.message}`, { cause: error });
  });
  return found === null ? null : found.equals(bytes);
}

/** Whole or not at all: what a power cut left is written again under its own name. */
async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(`${path}.part`, bytes, { flush: true });
    await rename(`${path}.part`, path);
  } catch (error) {
    await rm(`${path}.part`, { force: true });
    throw new WhetError('output-failed', `cannot write '${path}': ${messageOf(error)}`, {
      hint: 'Is there room on the disk? Running it again goes on from here.',
      cause: error,
    });
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw new WhetError('output-failed', `cannot make the folder '${path}': ${messageOf(error)}`, {
      hint: 'Name a folder that you may write.',
    });
  }
}

async function removeIfEmpty(path: string): Promise<void> {
  const left = await readdir(path, { withFileTypes: true }).catch((): Dirent[] => []);
  if (left.length === 0) await rm(path, { recursive: true, force: true });
}

function formatExported({ folder, written, there, moved, changed, withoutCapture, classes }: Exported): string {
  const counts = Object.entries(classes).map(([label, count]) => `'${label}' ${count}`);
  return [
    `${written} ${written === 1 ? 'capture' : 'captures'} written to ${folder}${there > 0 ? `, ${there} there already` : ''}${moved > 0 ? `, ${moved} moved to another class` : ''}`,
    ...(counts.length === 0 ? ['no sample is labelled yet'] : [`classes   ${counts.join(', ')}`]),
    ...(withoutCapture > 0
      ? [`${withoutCapture} labelled samples are without their capture: only what is learned from is kept (retention.rawMegabytes)`]
      : []),
    ...(changed.length > 0
      ? [`left as they are, because somebody changed them: ${changed.slice(0, 5).join(', ')}${changed.length > 5 ? ' …' : ''}`]
      : []),
  ].join('\n');
}
