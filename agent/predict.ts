// What a model says of files: a model with its card, or the current release of a configured device, and files or folders in; an answer a file out.
// Reads only: a daemon that runs meanwhile is not disturbed, and nothing is stored.
import { readPictures } from './adapt/pictures.ts';
import { shownPath } from './capture/file-names.ts';
import { machineClock } from './clock.ts';
import { captureKind } from './config/card.ts';
import { findConfig, loadConfig } from './config/load.ts';
import { placesOf } from './engine/places.ts';
import { loadModel } from './model/load.ts';
import { type AnsweringModel, openAnsweringModel } from './predict/answering-model.ts';
import { listGiven } from './predict/given-files.ts';
import type { FileAnswer, PredictReport } from './predict/report.ts';
import { createReleases } from './release/releases.ts';
import { createRuntime } from './runtime/runtime.ts';
import type { Progress } from './types.ts';

export interface PredictOptions {
  /** Files and folders. */
  readonly files: readonly string[];
  readonly threads: number;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  readonly note?: (sentence: string) => void;
}

/** A model file by itself. */
export interface PredictModel {
  readonly model: string;
  readonly card?: string | undefined;
  readonly output?: string | undefined;
}

export async function predict(by: PredictModel, options: PredictOptions): Promise<PredictReport> {
  await using model = await openAnsweringModel({ ...by, runtime: createRuntime({ threads: options.threads }), note: options.note });
  return await answerAll(model, { model: by.model, release: null }, options);
}

/** By what a device predicts by: its current release, or its base model. */
export async function predictAsDevice(named: string | undefined, options: PredictOptions): Promise<PredictReport> {
  const { config } = await loadConfig(await findConfig(named));
  const current = await currentRelease(placesOf(config).releases, config.model, options.note);
  await using model = await openAnsweringModel({
    model: config.model,
    card: config.card ?? undefined,
    artifact: current?.artifact,
    classes: current?.classes,
    runtime: createRuntime({ threads: options.threads }),
    note: options.note,
  });
  return await answerAll(model, { model: config.model, release: current?.version ?? 'base' }, options);
}

/** null: the base model predicts. A release of another base model does not, and that is said. */
async function currentRelease(root: string, model: string, note: PredictOptions['note']) {
  const releases = createReleases(root, machineClock);
  const version = await releases.current();
  if (version === 'base') return null;
  const { base, classes, artifact } = await releases.verify(version);
  if (base.sha256 === loadModel(model).sha256) return { version, classes, artifact: `${releases.directory(version)}/${artifact.file}` };
  note?.(`Release ${version} was made from another base model ('${base.name}'); the base model itself answers.`);
  return null;
}

async function answerAll(
  model: AnsweringModel,
  what: Pick<PredictReport, 'model' | 'release'>,
  { files, signal, progress, note }: PredictOptions,
): Promise<PredictReport> {
  const { card } = model;
  const given = await listGiven(files, captureKind(card.input), note);
  const readable = given.filter(({ problem }) => problem === null).map(({ path }) => ({ path, label: -1 }));
  const found = new Map<string, FileAnswer>();
  const tell = (path: string, answer: Omit<FileAnswer, 'file'>) => found.set(path, { file: shownPath(path), ...answer } as FileAnswer);
  for (const { path, problem } of given) if (problem !== null) tell(path, { error: problem });
  const refused = await readPictures(readable, { input: card.input, signal, progress, what: 'captures' }, async ({ data }, { path }) => {
    tell(path, await model.answer(data));
  });
  for (const { path, reason } of refused) tell(path, { error: reason });
  const answers = [...new Set(given.map(({ path }) => path))].flatMap((path) => found.get(path) ?? []);
  return { ...what, name: card.name, task: card.task, files: answers };
}
