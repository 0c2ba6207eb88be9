// What `whet adapt --task regression` and `--task anomaly` answer. The reports are JSON that other programs rely on: what does not apply is null.
import type { Estimate } from '../learn/intervals.ts';
import type { RegressionScore } from '../learn/regression-score.ts';
import type { Proportion, Verdict } from '../types.ts';
import type { Target } from './targets.ts';

interface TaskReport {
  readonly verdict: Verdict;
  readonly seconds: number;
  readonly peakRssMb: number;
  /** null where the candidate was not written. */
  readonly artifact: { readonly file: string; readonly bytes: number; readonly sha256: string } | null;
}

export interface RegressionReport extends TaskReport {
  readonly task: 'regression';
  readonly targets: readonly Target[];
  readonly samples: { readonly train: number; readonly test: number; readonly unreadable: number };
  /** 'left-out': predictions that each capture gets from a fit without it. */
  readonly judgedOn: 'test' | 'left-out';
  readonly lambda: number;
  /** One score a target. `before`: the model as it was, where it already gave these targets. */
  readonly before: readonly RegressionScore[] | null;
  readonly after: readonly RegressionScore[];
}

export interface AnomalyReport extends TaskReport {
  readonly task: 'anomaly';
  readonly samples: { readonly normal: number; readonly testNormal: number; readonly testAnomalous: number; readonly unreadable: number };
  /** Share of normal captures that was allowed to lie above the threshold. */
  readonly allowedAlarms: number;
  /** Scores above it are anomalous. */
  readonly threshold: number;
  readonly shrinkage: number;
  /** Normal captures above the threshold: of the test, or (where it has none) of those that were left out, whose scores set it. */
  readonly falseAlarms: Proportion;
  readonly judgedOn: 'test' | 'left-out';
  /** Anomalous captures above the threshold; null without any. */
  readonly detected: Proportion | null;
  /** Chance that an anomalous capture scores higher than a normal one. */
  readonly auroc: Estimate | null;
}
