// What base, current and candidate each say of rows that none of them has learned from, moment by moment. The candidate speaks through the
// written file; where rows were left out one by one only a float tail can speak, its right answers count where the file gives them too, and
// `agreement` says whether the file does what the tail does.

import { leftOutRows } from '../learn/choose.ts';
import { proportion, topClasses } from '../learn/evaluate.ts';
import type { FittedTail } from '../learn/learner.ts';
import { openTail, type TailRunner } from '../model/classify.ts';
import type { Classifier } from '../model/open.ts';
import { openPart } from '../model/part.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import { withWeights } from '../onnx/weights.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { FeatureSet, Proportion } from '../types.ts';
import type { Agreement } from './gate.ts';

export interface JudgedRow {
  /** Row of the set that it comes from. */
  readonly row: number;
  /** Its moment. */
  readonly group: number;
  /** True class. */
  readonly is: number;
  /** Class that the candidate names; -1 where it could not be asked. */
  readonly candidate: number;
  /** Class that the current model names; -1 for one that the candidate does not have. null where it knows none of the classes. */
  readonly current: number | null;
}

export interface Evidence {
  readonly classes: readonly string[];
  readonly by: 'held-out' | 'left-out' | 'test';
  readonly rows: readonly JudgedRow[];
  /** null where nothing was learned from, and so nothing could be compared. */
  readonly agreement: Agreement | null;
  /** Classes without a row that judges. */
  readonly unmeasured: readonly string[];
}

/** Rows on which file and float tail are compared; more of them say the same. */
const comparedRows = 500;

type Rows = Pick<FeatureSet, 'features' | 'count' | 'width'>;

/** A model of the same backbone, its own quantized tail. */
export function openQuantizedTail(model: Model, { cut, features, tail }: Classifier, runtime: Runtime): Promise<TailRunner> {
  return openTail(model, { cut: cut.tensor, features, activation: tail.activation, runtime });
}

/** Index of the class that a tail names for each of these rows, one at a time as at inference. */
export async function classesOfTail(tail: TailRunner, set: Rows, rows: readonly number[]): Promise<readonly number[]> {
  const classes: number[] = [];
  for (const row of rows) {
    const { output } = await tail.classify(set.features.slice(row * set.width, (row + 1) * set.width));
    classes.push(topClasses(output, output.length)[0]!);
  }
  return classes;
}

/** The same of the float tail with trained weights. `shape` is that of one sample's features. */
export async function classesOfFloat(
  { tail, weights }: { readonly tail: FloatTail; readonly weights: ReadonlyMap<string, Tensor> },
  set: Rows,
  rows: readonly number[],
  { shape, runtime }: { readonly shape: readonly number[]; readonly runtime: Runtime },
): Promise<readonly number[]> {
  await using part = await openPart(runtime, withWeights(tail, weights).model, { label: 'the float tail' });
  const classes: number[] = [];
  for (const row of rows) {
    const data = set.features.slice(row * set.width, (row + 1) * set.width);
    const result = await part.session.run({ [tail.input]: { dtype: 'float32', dims: shape, data } });
    const scores = (result[tail.output] as Tensor).data as Float32Array;
    classes.push(topClasses(scores, scores.length)[0]!);
  }
  return classes;
}

/** Class that each left-out prediction names, by the row of the training set; rows that were never left out are not in it. */
export function classesLeftOut(fitted: FittedTail, train: FeatureSet): ReadonlyMap<number, number> {
  // Rows behind those of the set are copies of captures as they might have been.
  const own = [...leftOutRows(fitted, train)].filter(([row]) => row < train.count);
  return new Map(own.map(([row, logits]) => [row, topClasses(logits, logits.length)[0]!]));
}

/**
 * What counts of predictions made without the row itself: a float tail made them, so a right one counts only where the file that ships, which has
 * even learned from the row, is right as well. `file` is -1 where it could not be asked.
 */
export function boundByFile(leftOut: readonly number[], file: readonly number[], labels: readonly number[]): readonly number[] {
  return leftOut.map((said, at) => (said === labels[at] && file[at]! >= 0 ? file[at]! : said));
}

/** Classes that a file names for rows of a set. */
export type Asked = (set: Rows, rows: readonly number[]) => Promise<readonly number[]>;

/** The written file beside the float tail that it was made from, on rows that were learned from, spread over all of them. */
export async function compareWithFloat(
  written: Asked,
  float: { readonly tail: FloatTail; readonly weights: ReadonlyMap<string, Tensor> },
  train: FeatureSet,
  options: { readonly shape: readonly number[]; readonly runtime: Runtime },
): Promise<Agreement | null> {
  const count = Math.min(comparedRows, train.count);
  if (count === 0) return null;
  const rows = Array.from({ length: count }, (_, at) => Math.floor(((at + 0.5) * train.count) / count));
  const [file, tail] = [await written(train, rows), await classesOfFloat(float, train, rows, options)];
  const right = (said: readonly number[]) => rows.map((row, at) => said[at] === train.labels[row]);
  const [fileRight, floatRight] = [right(file), right(tail)];
  const number = (rights: readonly boolean[]) => rights.filter(Boolean).length;
  return {
    rows: count,
    share: number(file.map((label, at) => label === tail[at])) / count,
    file: number(fileRight),
    float: number(floatRight),
    lost: number(floatRight.map((is, at) => is && !fileRight[at])),
    won: number(fileRight.map((is, at) => is && !floatRight[at])),
  };
}

interface Said {
  readonly classes: readonly string[];
  readonly by: Evidence['by'];
  readonly set: Pick<FeatureSet, 'labels' | 'groups'>;
  /** Rows of the set that judge, and in the same order the class that each side names; `current` null where it knows none of the classes. */
  readonly rows: readonly number[];
  readonly candidate: readonly number[];
  readonly current: readonly number[] | null;
  readonly agreement: Agreement | null;
}

export function evidenceOf({ classes, by, set, rows, candidate, current, agreement }: Said): Evidence {
  const judged = rows.map((row, at) => ({
    row,
    group: set.groups[row]!,
    is: set.labels[row]!,
    candidate: candidate[at]!,
    current: current === null ? null : current[at]!,
  }));
  return { classes, by, rows: judged, agreement, unmeasured: unmeasuredClasses(classes, judged) };
}

/** Classes without a row that judges. */
export function unmeasuredClasses(classes: readonly string[], judged: readonly JudgedRow[]): readonly string[] {
  const seen = new Set(judged.map(({ is }) => is));
  return classes.filter((_, label) => !seen.has(label));
}

/** Shares that are right; null without rows, or where the current model knows none of the classes. */
export function scoresOf({ rows }: Evidence): { readonly before: Proportion | null; readonly after: Proportion | null } {
  if (rows.length === 0) return { before: null, after: null };
  const right = (said: (row: JudgedRow) => number | null) => proportion(rows.filter((row) => said(row) === row.is).length, rows.length);
  return {
    before: rows.some(({ current }) => current === null) ? null : right(({ current }) => current),
    after: right(({ candidate }) => candidate),
  };
}

/** Row: true class, column: the class that the candidate names. null without rows. */
export function confusionOf({ classes, rows }: Evidence): readonly (readonly number[])[] | null {
  if (rows.length === 0) return null;
  const counts = classes.map(() => new Array<number>(classes.length).fill(0));
  for (const { is, candidate } of rows) if (candidate >= 0) counts[is]![candidate]! += 1;
  return counts;
}
