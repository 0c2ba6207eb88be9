// What `whet adapt` takes and answers. The report is JSON that other programs rely on: what does not apply is null.

import type { GradientSettings } from '../config/gradient-schema.ts';
import type { LearnerChoice } from '../learn/choose.ts';
import type { EngineName } from '../learn/engines.ts';
import type { CutWish } from '../onnx/cut.ts';
import type { Progress, Verdict } from '../types.ts';
import type { ClassMode } from './class-folders.ts';
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
  readonly threads: number;
  readonly seed: number;
  /** Write the candidate whatever the verdict says. */
  readonly force: boolean;
  /** Path of the new model; its card is written beside it as `<stem>.json`. */
  readonly out: string;
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /** Sentences for people about what was found on the way: files that cannot be read, a moved cut, why a learner was chosen. */
  readonly note?: (sentence: string) => void;
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
  readonly seconds: { readonly features: number; readonly train: number; readonly export: number; readonly total: number };
  readonly peakRssMb: number;
  /** null where the candidate was not written. */
  readonly artifact: { readonly file: string; readonly bytes: number; readonly sha256: string } | null;
}
