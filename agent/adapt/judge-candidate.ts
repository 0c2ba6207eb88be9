// What the original and the written file say of a person's captures: the rows that judge a one-shot job, as evidence. The file is run as a user
// would run it, on whole captures; where every capture was needed for learning, by predictions made without each.
import {
  classesLeftOut,
  classesOfFloat,
  classesOfTail,
  compareWithFloat,
  type Evidence,
  evidenceOf,
  openQuantizedTail,
} from '../candidate/evidence.ts';
import { topClasses } from '../learn/evaluate.ts';
import type { FittedTail } from '../learn/learner.ts';
import { classScores, type TailRunner } from '../model/classify.ts';
import { loadModel } from '../model/load.ts';
import type { Classifier } from '../model/open.ts';
import { openPart } from '../model/part.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import type { FeatureSet } from '../types.ts';
import type { ClassPlan, LabelledFile } from './class-folders.ts';
import { type ReadOptions, readPictures } from './pictures.ts';

/** Rows that judge, with the files they came from; never learned from. */
export interface Judging {
  readonly set: FeatureSet;
  readonly files: readonly LabelledFile[];
  readonly from: 'test' | 'holdout';
}

export interface Judged {
  readonly evidence: Evidence;
  /** File behind each judged row. */
  readonly files: readonly LabelledFile[];
  /** Which rows the float tail names right, in the same order: by itself, or (left out) the same as the candidate. */
  readonly float: readonly boolean[];
}

interface Subject {
  readonly classifier: Classifier;
  readonly plan: ClassPlan;
  readonly tail: FloatTail;
  readonly train: FeatureSet;
  readonly trainFiles: readonly LabelledFile[];
  readonly judging: Judging | null;
  /** The original's quantized tail; null where its classes were replaced. */
  readonly current: TailRunner | null;
  /** The candidate's, and its file. */
  readonly written: TailRunner;
  readonly path: string;
}

export async function gatherEvidence(
  { classifier, plan, tail, train, trainFiles, judging, current, written, path }: Subject,
  fitted: FittedTail,
  threads: number,
  read: ReadOptions & { readonly output: string },
): Promise<Judged> {
  const leftOut = classesLeftOut(fitted, train);
  const { weights } = fitted;
  const set = judging?.set ?? train;
  const rows = judging === null ? [...leftOut.keys()].sort((a, b) => a - b) : Array.from({ length: set.count }, (_, row) => row);
  const files = rows.map((row) => (judging?.files ?? trainFiles)[row]!);
  const shape = classifier.features.shape;
  const said =
    judging === null
      ? rows.map((row) => leftOut.get(row)!)
      : await classesOfFile(path, judging.files, classifier.input.shape, threads, read);
  const now = current === null ? null : await classesOfTail(current, set, rows);
  const float = judging === null ? said : await classesOfFloat({ tail, weights }, set, rows, { shape, threads });
  return {
    evidence: evidenceOf({
      classes: plan.labels,
      by: judging === null ? 'left-out' : judging.from === 'test' ? 'test' : 'held-out',
      set,
      rows,
      candidate: said,
      current: now?.map((label) => plan.mapping.indexOf(label)) ?? null,
      agreement: await compareWithFloat(written, { tail, weights }, train, { shape, threads }),
    }),
    files,
    float: rows.map((row, at) => float[at] === set.labels[row]),
  };
}

/** The file, loaded afresh, over whole pictures. -1 for a picture that can no longer be read. */
async function classesOfFile(
  path: string,
  files: readonly LabelledFile[],
  shape: readonly number[],
  threads: number,
  options: ReadOptions & { readonly output: string },
): Promise<readonly number[]> {
  const { model } = loadModel(path);
  await using part = await openPart(model, { label: 'the new model', threads });
  const [input = ''] = part.session.inputNames;
  const { output } = options;
  const said = new Map<LabelledFile, number>();
  await readPictures(files, options, async ({ data }, file) => {
    const result = await part.session.run({ [input]: { dtype: 'float32', dims: shape, data } }, [output]);
    const scores = classScores((result[output] as Tensor).data as Float32Array);
    said.set(file, topClasses(scores, scores.length)[0]!);
  });
  return files.map((file) => said.get(file) ?? -1);
}

type LabelledRows = Pick<FeatureSet, 'features' | 'count' | 'width'> & { readonly labels: ArrayLike<number> };

/** A model of the same backbone on features, by its own quantized tail: which rows are right. */
export async function hitsOfTail(model: Model, classifier: Classifier, set: LabelledRows, threads: number): Promise<readonly boolean[]> {
  await using tail = await openQuantizedTail(model, classifier, threads);
  const said = await classesOfTail(
    tail,
    set,
    Array.from({ length: set.count }, (_, row) => row),
  );
  return said.map((label, row) => label === set.labels[row]);
}

/** The float tail with new weights on features: which rows are right. */
export async function hitsOfFloat(
  tail: FloatTail,
  weights: ReadonlyMap<string, Tensor>,
  set: FeatureSet,
  shape: readonly number[],
  threads: number,
): Promise<readonly boolean[]> {
  const rows = Array.from({ length: set.count }, (_, row) => row);
  const said = await classesOfFloat({ tail, weights }, set, rows, { shape, threads });
  return said.map((label, row) => label === set.labels[row]);
}
