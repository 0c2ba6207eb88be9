// What a model says of files: a model with its card, and files or folders in; an answer a file out. Reads only, and stores nothing.
import { readPictures } from './adapt/pictures.ts';
import { shownPath } from './capture/file-names.ts';
import { captureKind } from './config/card.ts';
import { type AnsweringModel, openAnsweringModel } from './predict/answering-model.ts';
import { listGiven } from './predict/given-files.ts';
import type { FileAnswer, PredictReport } from './predict/report.ts';
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

/** A model file by itself, or what a device predicts by. */
export interface PredictModel {
  readonly model: string;
  readonly card?: string | undefined;
  readonly output?: string | undefined;
  /** 'base', or a release with its file and its classes. */
  readonly release?: string;
  readonly artifact?: string;
  readonly classes?: readonly string[];
}

export async function predict(by: PredictModel, options: PredictOptions): Promise<PredictReport> {
  await using model = await openAnsweringModel({ ...by, runtime: createRuntime({ threads: options.threads }), note: options.note });
  return await answerAll(model, { model: by.model, release: by.release ?? null }, options);
}

/** Every file's answer, in the order in which they were named. */
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
