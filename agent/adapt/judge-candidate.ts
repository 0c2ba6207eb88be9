// What the original and the written file say of a person's captures: the rows that judge a one-shot job, as evidence (`ask-file.ts` says how the
// file is asked); where every capture was needed for learning, by predictions made without each.

import type { ClassPlan } from '../candidate/class-plan.ts';
import {
  boundByFile,
  classesLeftOut,
  classesOfFloat,
  classesOfTail,
  compareWithFloat,
  type Evidence,
  evidenceOf,
  openQuantizedTail,
} from '../candidate/evidence.ts';
import type { FittedTail } from '../learn/learner.ts';
import type { TailRunner } from '../model/classify.ts';
import type { Classifier } from '../model/open.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { FeatureSet } from '../types.ts';
import { askFile, type WrittenFile } from './ask-file.ts';
import type { LabelledFile } from './class-folders.ts';
import type { ReadOptions } from './pictures.ts';

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
  /** Which rows the float tail names right, in the same order: by itself, or without the row. */
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
  readonly file: WrittenFile;
}

export async function gatherEvidence(
  { classifier, plan, tail, train, trainFiles, judging, current, file }: Subject,
  fitted: FittedTail,
  runtime: Runtime,
  read: ReadOptions,
): Promise<Judged> {
  const leftOut = classesLeftOut(fitted, train);
  const { weights } = fitted;
  const set = judging?.set ?? train;
  const rows = judging === null ? [...leftOut.keys()].sort((a, b) => a - b) : Array.from({ length: set.count }, (_, row) => row);
  const files = rows.map((row) => (judging?.files ?? trainFiles)[row]!);
  const shape = classifier.features.shape;
  const learned = { set: train, files: trainFiles };
  const ask = await askFile(file, judging === null ? [learned] : [judging, learned], classifier, runtime, read);
  const asked = await ask(set, rows);
  const without = rows.map((row) => leftOut.get(row)!);
  const labels = rows.map((row) => set.labels[row]!);
  const said = judging === null ? boundByFile(without, asked, labels) : asked;
  const now = current === null ? null : await classesOfTail(current, set, rows);
  const float = judging === null ? without : await classesOfFloat({ tail, weights }, set, rows, { shape, runtime });
  return {
    evidence: evidenceOf({
      classes: plan.labels,
      by: judging === null ? 'left-out' : judging.from === 'test' ? 'test' : 'held-out',
      set,
      rows,
      candidate: said,
      current: now?.map((label) => plan.mapping.indexOf(label)) ?? null,
      agreement: await compareWithFloat(ask, { tail, weights }, train, { shape, runtime }),
    }),
    files,
    float: rows.map((row, at) => float[at] === set.labels[row]),
  };
}

type LabelledRows = Pick<FeatureSet, 'features' | 'count' | 'width'> & { readonly labels: ArrayLike<number> };

/** A model of the same backbone on features, by its own quantized tail: which rows are right. */
export async function hitsOfTail(model: Model, classifier: Classifier, set: LabelledRows, runtime: Runtime): Promise<readonly boolean[]> {
  await using tail = await openQuantizedTail(model, classifier, runtime);
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
  runtime: Runtime,
): Promise<readonly boolean[]> {
  const rows = Array.from({ length: set.count }, (_, row) => row);
  const said = await classesOfFloat({ tail, weights }, set, rows, { shape, runtime });
  return said.map((label, row) => label === set.labels[row]);
}
