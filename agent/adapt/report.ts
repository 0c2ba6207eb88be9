// What `whet adapt` takes and answers. The report is JSON that other programs rely on: what does not apply is null.

import type { ClassMode } from '../candidate/class-plan.ts';
import type { Evidence } from '../candidate/evidence.ts';
import { shownPath } from '../capture/file-names.ts';
import type { GradientSettings } from '../config/gradient-schema.ts';
import type { LearnerChoice } from '../learn/choose.ts';
import type { EngineName } from '../learn/engines.ts';
import type { CutWish } from '../onnx/surgery/cut.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ListeningReport, Progress, Verdict } from '../types.ts';
import type { LabelledFile } from './class-folders.ts';
import type { DepthReport } from './depth-report.ts';

export interface AdaptOptions {
  /** Path of the ONNX model to start from. */
  readonly model: string;
  /** A folder a class. */
  readonly data: string;
  /** A folder a class, never learned from; without it, part of `data` judges (or, where there is little, left-out predictions). */
  readonly test?: string;
  /** Model card; the one beside the model unless told. */
  readonly card?: string;
  /** The output that holds the scores, where the model has several. */
  readonly output?: string;
  readonly cut: CutWish;
  readonly classes: ClassMode;
  readonly learner: LearnerChoice;
  /** What trains by gradients; this project's own compiler unless told. */
  readonly engine?: EngineName;
  /** How gradient steps go about it; the defaults unless given. */
  readonly gradient?: GradientSettings;
  readonly runtime: Runtime;
  readonly seed: number;
  /** `--task anomaly`: share of normal captures that may raise an alarm; 0.01 unless told. */
  readonly falseAlarms?: number;
  /** Write the candidate whatever the verdict says. */
  readonly force: boolean;
  /** Path of the new model; its card is written beside it as `<stem>.json`. */
  readonly out: string;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** Sentences for people about what was found on the way: files that cannot be read, a moved cut, why a learner was chosen. */
  readonly note?: (sentence: string) => void;
}

export interface EvidenceReport {
  readonly rows: number;
  /** Captures that are alike are one moment. */
  readonly moments: number;
  /** 'left-out': predictions of a float tail that was learned without the capture. */
  readonly by: 'held-out' | 'left-out' | 'test';
  /** Share of the training rows on which the written file and the float tail name the same class; null without such rows. */
  readonly agreement: number | null;
  /** Classes without a row that judges. */
  readonly unmeasured: readonly string[];
}

const mostWrong = 50;

export function evidenceReport({ rows, by, agreement, unmeasured }: Evidence): EvidenceReport {
  return { rows: rows.length, moments: new Set(rows.map(({ group }) => group)).size, by, agreement: agreement?.share ?? null, unmeasured };
}

/** Fewer captures than this say nothing about a whole model. */
const fewestForDoubt = 10;

/** A sentence where the model as it came knows nothing of the captures, as under a wrong card; null where it does, or too few say so. */
export function doubtOf({ rows, classes }: Evidence): string | null {
  if (rows.length < fewestForDoubt || rows.some(({ current }) => current === null)) return null;
  const right = rows.filter(({ is, current }) => is === current).length;
  const counts = classes.map((_, label) => rows.filter(({ is }) => is === label).length);
  const most = Math.max(...counts);
  if (right > most) return null;
  return `The model as it came is right on ${right} of ${rows.length} captures, no more than always saying '${classes[counts.indexOf(most)]}' (${most}): if it should know them, compare "range", "mean", "std", "channels" and the order of "labels" in its card with what it was trained with.`;
}

/** `files`: that of each judged row. */
export function wrongFiles({ rows, classes }: Evidence, files: readonly LabelledFile[]): AdaptReport['wrong'] {
  const all = rows.flatMap(({ is, candidate }, at) =>
    candidate === is ? [] : [{ file: shownPath(files[at]!.path), is: classes[is]!, said: classes[candidate] ?? null }],
  );
  return all.slice(0, mostWrong);
}

export interface AdaptReport {
  readonly classes: readonly string[];
  /** `holdout`: rows of the data that judged and were not learned from. `unreadable`: files of data and test together. */
  readonly samples: { readonly train: number; readonly holdout: number; readonly test: number; readonly unreadable: number };
  readonly learner: string;
  /** The original model on the judging samples; null where the classes were replaced. */
  readonly before: { readonly accuracy: number } | null;
  /**
   * The written file on the judging samples, loaded afresh; null where no sample was kept back. `float`: the float tail on the same
   * samples, or its left-out predictions where no sample was kept back.
   */
  readonly after: { readonly accuracy: number | null; readonly float: number | null };
  /** Accuracy on the base model's golden set; null where the model has none. */
  readonly base: { readonly before: number; readonly after: number } | null;
  /** What several layers bought against the last one alone; null where only one could be trained. */
  readonly depth: DepthReport | null;
  readonly verdict: Verdict;
  readonly evidence: EvidenceReport;
  /** Row: true class, column: the class that the new model names, on the judging samples; null without any. */
  readonly confusion: readonly (readonly number[])[] | null;
  /** Judging samples that the new model gets wrong, at most 50. `said` null: the file could not be read again. */
  readonly wrong: readonly { readonly file: string; readonly is: string; readonly said: string | null }[];
  /** False accepts an hour and misses, of a model that listens and knows a background; null for others. */
  readonly listening: ListeningReport | null;
  /** Test captures that were left out of the verdict because they are also in the data. */
  readonly overlap: number;
  readonly seconds: { readonly features: number; readonly train: number; readonly export: number; readonly total: number };
  readonly peakRssMb: number;
  /** What the new model knows, written beside it for the next adaptation; null where nothing was or could be written. */
  readonly sides: { readonly statistics: string | null; readonly golden: string | null };
  /** null where the candidate was not written. */
  readonly artifact: { readonly file: string; readonly bytes: number; readonly sha256: string } | null;
}
