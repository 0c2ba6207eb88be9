// What the tasks beyond classification share: the model opened up to its last layer, captures as features, the new file written, run again to
// prove that it computes what was learned, and put in place only when the verdict says so.
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { shownPath } from '../capture/file-names.ts';
import { formats } from '../capture/folder-names.ts';
import { captureKind, type ModelCard, requireCard } from '../config/card.ts';
import { WhetError } from '../errors.ts';
import { embedderOf, type FeatureModel, openFeatureModel } from '../model/feature-model.ts';
import { loadModel } from '../model/load.ts';
import { openPart } from '../model/part.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { classifierEnds } from '../onnx/surgery/classifier-ends.ts';
import { inputShape, viewCount } from '../preprocess/capture-input.ts';
import type { Verdict } from '../types.ts';
import type { LabelledFile } from './class-folders.ts';
import { moveInto, replaceFile, writeBeside } from './output-file.ts';
import { type EmbeddedFiles, embedFiles, readPictures } from './pictures.ts';
import type { AdaptOptions } from './report.ts';

export interface TaskModel {
  readonly card: ModelCard;
  readonly model: Model;
  readonly features: FeatureModel;
}

export async function openTaskModel(options: AdaptOptions): Promise<TaskModel> {
  const { model } = loadModel(options.model);
  const { card, path } = await requireCard(options.model, {
    ...(options.card === undefined ? {} : { card: options.card }),
    shape: { input: classifierEnds(model).input.shape ?? [] },
  });
  const written = [options.out, cardPath(options.out)].map((file) => resolve(file));
  if (written[0] === written[1] || [options.model, path].some((file) => written.includes(resolve(file))))
    throw new WhetError('usage', `--out ${options.out} would overwrite the model or its card`, {
      hint: 'Name a file of another name, ending in .onnx; its card is written beside it.',
    });
  if (card.task === 'anomaly')
    throw new WhetError('model-unsupported', `'${options.model}' is an anomaly detector, which has no features of its own to learn from`, {
      hint: 'Give the model that it was made from.',
    });
  if (options.cut.kind === 'layers' && options.cut.layers !== 1)
    throw new WhetError('usage', `--layers ${options.cut.layers}: regression and anomaly scores learn the last layer alone`, {
      hint: 'Leave --layers out, or name the tensor of the features with --cut.',
    });
  const cut = options.cut.kind === 'tensor' ? options.cut.tensor : null;
  const features = await openFeatureModel(model, { cut, runtime: options.runtime, inputShape: inputShape(card.input) });
  return { card, model, features };
}

/** Throws `data-unusable` where no capture can be read. */
export async function embedCaptures(
  options: AdaptOptions,
  { card, features }: TaskModel,
  files: readonly LabelledFile[],
  what: string,
  withViews: boolean,
): Promise<EmbeddedFiles> {
  await using embedder = await embedderOf(features, options.runtime);
  const read = { input: card.input, signal: options.signal, progress: options.progress, what };
  const views = withViews ? viewCount(card.input, files.length) : 0;
  const embedded = await embedFiles(files, embedder, features.features.width, { ...read, views });
  for (const { path, reason } of embedded.unreadable) options.note?.(`Left out ${shownPath(path)}: ${reason}.`);
  if (embedded.set.count === 0)
    throw new WhetError('data-unusable', `no capture of '${options.data}' can be read (${what})`, {
      hint: `${formats[captureKind(card.input)].listed} read.`,
    });
  if (!embedded.set.features.every(Number.isFinite))
    throw new WhetError('model-unsupported', 'the backbone gives a feature that is not finite', {
      hint: 'Compare mean, std and range in the model card with those the model was trained with.',
    });
  return embedded;
}

/** What a model gives for each capture, [count, columns]; captures that cannot be read are left out of `files`. */
export async function runOnCaptures(
  options: AdaptOptions,
  card: ModelCard,
  model: Model | Uint8Array,
  shape: readonly number[],
  files: readonly LabelledFile[],
  what: string,
): Promise<{ readonly outputs: Float32Array; readonly files: readonly LabelledFile[] }> {
  await using part = await openPart(options.runtime, model, { label: what });
  const [input = ''] = part.session.inputNames;
  const [output = ''] = part.session.outputNames;
  const rows: Float32Array[] = [];
  const readable: LabelledFile[] = [];
  const read = { input: card.input, signal: options.signal, progress: options.progress, what };
  await readPictures(files, read, async ({ data }, file) => {
    rows.push(((await part.session.run({ [input]: { dtype: 'float32', dims: shape, data } }))[output] as Tensor).data as Float32Array);
    readable.push(file);
  });
  const columns = rows[0]?.length ?? 0;
  const outputs = new Float32Array(rows.length * columns);
  for (const [row, values] of rows.entries()) outputs.set(values, row * columns);
  return { outputs, files: readable };
}

/** Captures on which the written file must give what was learned. */
const proofs = 4;

/** `expected` are the learned head's outputs for the first of `files`. Throws `proof-failed` where the file gives others. */
export async function proveArtifact(
  options: AdaptOptions,
  task: TaskModel,
  bytes: Uint8Array,
  files: readonly LabelledFile[],
  expected: Float32Array,
): Promise<void> {
  const columns = expected.length / files.length;
  const { outputs } = await runOnCaptures(options, task.card, bytes, task.features.input.shape, files.slice(0, proofs), 'proof');
  for (const [at, value] of outputs.entries()) {
    const wanted = expected[at] as number;
    if (Math.abs(value - wanted) <= 1e-3 * Math.max(1, Math.abs(wanted))) continue;
    throw new WhetError(
      'proof-failed',
      `the new model gives ${value} for '${files[Math.floor(at / columns)]?.path}' where ${wanted} was learned`,
      {
        hint: 'Please report the model.',
      },
    );
  }
}

/** Writes model and card where the verdict (or --force) says so. */
export async function placeArtifact(options: AdaptOptions, model: Model, card: ModelCard, verdict: Verdict) {
  if (verdict.kind !== 'accepted' && !options.force) return null;
  const bytes = encodeModel(model);
  const part = await writeBeside(options.out, bytes);
  try {
    await replaceFile(cardPath(options.out), Buffer.from(`${JSON.stringify(card, null, 2)}\n`));
    await moveInto(part, options.out);
  } finally {
    await rm(part, { force: true });
  }
  return { file: options.out, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function cardPath(out: string): string {
  return join(dirname(out), `${basename(out, extname(out))}.json`);
}
