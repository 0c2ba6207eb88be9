// What a written file says of captures whose features are at hand: by its own tail on those features, so that no capture goes through the
// backbone twice. That stands for the file only where its backbone is the one that made them, to the bit, and where the whole file, loaded afresh,
// names the same classes on a sample of captures; otherwise every capture is run through the file.

import { type Asked, classesOfTail } from '../candidate/evidence.ts';
import { topClasses } from '../learn/evaluate.ts';
import { classScores, type TailRunner } from '../model/classify.ts';
import { loadModel } from '../model/load.ts';
import type { Classifier } from '../model/open.ts';
import { openPart } from '../model/part.ts';
import { hasSameBackbone } from '../model/same-backbone.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { FeatureSet } from '../types.ts';
import type { LabelledFile } from './class-folders.ts';
import { type ReadOptions, readPictures } from './pictures.ts';

export interface WrittenFile {
  readonly path: string;
  readonly model: Model;
  /** Its quantized tail. */
  readonly tail: TailRunner;
  readonly note: ((sentence: string) => void) | undefined;
}

/** Rows with the capture behind each. */
export interface CapturedRows {
  readonly set: FeatureSet;
  readonly files: readonly LabelledFile[];
}

/** One capture in a hundred is run through the whole file, within these bounds. */
const sampled = { share: 1 / 100, fewest: 8, most: 32 };

/**
 * Gives who is to be asked: `sets` are all rows that will be asked about, and the first of them gives the sample. A capture that can no longer be
 * read is -1 where the whole file is asked.
 */
export async function askFile(
  file: WrittenFile,
  sets: readonly [CapturedRows, ...CapturedRows[]],
  classifier: Classifier,
  runtime: Runtime,
  read: ReadOptions,
): Promise<Asked> {
  const byTail: Asked = (set, rows) => classesOfTail(file.tail, set, rows);
  const whole = (files: readonly LabelledFile[]) => classesOfFile(file.path, files, classifier, runtime, read);
  const [{ set, files }] = sets;
  const rows = hasSameBackbone(file.model, classifier) ? sampleOf(set) : null;
  if (rows !== null) {
    const [said, others] = [await byTail(set, rows), await whole(rows.map((row) => files[row]!))];
    const differ = said.filter((label, at) => others[at]! >= 0 && others[at] !== label).length;
    if (differ === 0) return byTail;
    file.note?.(
      `The new model and its own tail name different classes on ${differ} of ${rows.length} captures: every capture is run through the whole model.`,
    );
  }
  return async (asked, wanted) => {
    const captures = sets.find((each) => each.set === asked);
    if (captures === undefined) return byTail(asked, wanted);
    return whole(wanted.map((row) => captures.files[row]!));
  };
}

/** Spread over the classes. */
export function sampleOf({ count, labels }: Pick<FeatureSet, 'count' | 'labels'>): readonly number[] {
  const size = Math.min(count, sampled.most, Math.max(sampled.fewest, Math.ceil(count * sampled.share)));
  const byClass = Array.from({ length: count }, (_, row) => row).sort((a, b) => labels[a]! - labels[b]! || a - b);
  return Array.from({ length: size }, (_, at) => byClass[Math.floor(((at + 0.5) * count) / size)]!);
}

/** The file, loaded afresh, over whole captures. -1 for one that can no longer be read. */
async function classesOfFile(
  path: string,
  files: readonly LabelledFile[],
  { input: { shape }, tail: { output } }: Classifier,
  runtime: Runtime,
  options: ReadOptions,
): Promise<readonly number[]> {
  const { model } = loadModel(path);
  await using part = await openPart(runtime, model, { label: 'the new model' });
  const [input = ''] = part.session.inputNames;
  const said = new Map<LabelledFile, number>();
  await readPictures(files, options, async ({ data }, file) => {
    const result = await part.session.run({ [input]: { dtype: 'float32', dims: shape, data } }, [output]);
    const scores = classScores((result[output] as Tensor).data as Float32Array);
    said.set(file, topClasses(scores, scores.length)[0]!);
  });
  return files.map((file) => said.get(file) ?? -1);
}
