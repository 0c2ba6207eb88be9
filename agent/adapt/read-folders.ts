// Folders of a one-shot job → what they plan (the classes) and what is in them (features). Says which folders were left out, joined or empty, and
// refuses data that nothing can be learned from (`data-unusable`).

import { type ClassPlan, planClasses } from '../candidate/class-plan.ts';
import { shownPath } from '../capture/file-names.ts';
import { formats } from '../capture/folder-names.ts';
import { captureKind, type ModelCard } from '../config/card.ts';
import { WhetError } from '../errors.ts';
import type { Embedder } from '../model/embed.ts';
import type { InputWatch } from '../model/input-range.ts';
import { viewCount } from '../preprocess/capture-input.ts';
import type { FeatureSet } from '../types.ts';
import { type ClassFolder, filledNames, type LabelledFile, labelFiles, listClassFolders, mergedFolders } from './class-folders.ts';
import { type EmbeddedFiles, embedFiles } from './pictures.ts';
import type { AdaptOptions } from './report.ts';

export interface Planned {
  readonly folders: readonly ClassFolder[];
  readonly plan: ClassPlan;
  readonly testFiles: readonly LabelledFile[];
}

/** `known` are the model's class names. Reads no file. */
export async function planFolders(options: AdaptOptions, known: readonly string[], classes: number): Promise<Planned> {
  const { note } = options;
  const of = options.classes === 'replace' ? [] : known;
  const folders = await listClassFolders(options.data, { known: of, note });
  const plan = planClasses(options.classes, filledNames(folders), known, classes);
  for (const sentence of mergedFolders(folders, plan.labels)) note?.(sentence);
  const testFiles =
    options.test === undefined ? [] : labelFiles(await listClassFolders(options.test, { known: plan.labels, note }), plan.labels);
  return { folders, plan, testFiles };
}

export interface Reader {
  readonly input: ModelCard['input'];
  readonly embedder: Embedder;
  readonly width: number;
  /** Sees what is learned from; null where the model does not say what it takes. */
  readonly watch: InputWatch | null;
}

export interface ReadFolders {
  readonly plan: ClassPlan;
  readonly data: EmbeddedFiles;
  readonly test: EmbeddedFiles;
}

export async function readFolders(
  options: AdaptOptions,
  { folders, plan, testFiles }: Planned,
  { input, embedder, width, watch }: Reader,
): Promise<ReadFolders> {
  const { signal, progress, note } = options;
  const read = { input, signal, progress };
  const dataFiles = labelFiles(folders, plan.labels);
  const views = viewCount(input, dataFiles.length);
  const data = await embedFiles(dataFiles, embedder, width, { ...read, what: 'features', views, watch });
  const contradiction = watch?.contradiction() ?? null;
  if (contradiction !== null) note?.(`${contradiction}.`);
  for (const { path, reason } of data.unreadable) note?.(`Left out ${shownPath(path)}: ${reason}.`);
  for (const { name, files } of folders) if (files.length === 0) note?.(`Folder '${name}' is empty and was left out.`);
  requireReadable(options.data, data.set, input);
  const learned = options.classes === 'replace' ? withoutUnreadable(options, folders, plan, data) : { plan, data };
  const { files, others } = stillTested(testFiles, plan, learned.plan);
  for (const [name, count] of others)
    note?.(`${count} test ${count === 1 ? 'capture' : 'captures'} of '${name}' do not judge: there is no such class.`);
  const test = await embedFiles(files, embedder, width, { ...read, what: 'features of the test' });
  for (const { path, reason } of test.unreadable) note?.(`Left out ${shownPath(path)}: ${reason}.`);
  if (options.test !== undefined) requireReadable(options.test, test.set, input);
  return { ...learned, test };
}

/** Classes that the user made, without those of which no file can be read: what a program left behind is no class. */
function withoutUnreadable(options: AdaptOptions, folders: readonly ClassFolder[], plan: ClassPlan, data: EmbeddedFiles) {
  const has = (label: number) => data.set.labels.subarray(0, data.set.count).includes(label);
  const [kept, lost] = [plan.labels.filter((_, label) => has(label)), plan.labels.filter((_, label) => !has(label))];
  if (lost.length === 0) return { plan, data };
  for (const name of lost) options.note?.(`No file of '${name}' can be read, so it is no class.`);
  const left = folders.filter(({ name }) => kept.includes(name));
  const fewer = planClasses('replace', filledNames(left), [], 0);
  const numbers = plan.labels.map((name) => fewer.labels.indexOf(name));
  const relabel = (set: FeatureSet) => ({ ...set, labels: Int32Array.from(set.labels, (label) => numbers[label]!) });
  const files = data.files.map((file) => ({ ...file, label: numbers[file.label]! }));
  return { plan: fewer, data: { ...data, set: relabel(data.set), views: data.views.map(relabel), files } };
}

function stillTested(files: readonly LabelledFile[], before: ClassPlan, now: ClassPlan) {
  const others = new Map<string, number>();
  const kept = files.flatMap((file) => {
    const name = before.labels[file.label]!;
    const label = now.labels.indexOf(name);
    if (label < 0) others.set(name, (others.get(name) ?? 0) + 1);
    return label < 0 ? [] : [{ ...file, label }];
  });
  return { files: kept, others };
}

function requireReadable(directory: string, set: FeatureSet, input: ModelCard['input']): void {
  const kind = captureKind(input);
  if (set.count === 0)
    throw new WhetError('data-unusable', `no ${nouns[kind]} in '${directory}' can be read`, { hint: `${formats[kind].listed} read.` });
  const bad = set.features.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new WhetError('model-unsupported', `the backbone gives a feature that is not finite (row ${Math.floor(bad / set.width)})`, {
      hint: 'Compare mean, std and range in the model card with those the model was trained with.',
    });
}

const nouns = { image: 'picture', audio: 'recording', sensor: 'file of readings' } as const;
