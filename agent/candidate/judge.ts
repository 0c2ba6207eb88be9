// Evidence → the gate's verdict.
import type { FeatureSet, Verdict } from '../types.ts';
import { momentsPerClass } from './divide.ts';
import type { Evidence } from './evidence.ts';
import { type GateEvidence, type GateLimits, judge } from './gate.ts';

export interface Costs extends Pick<GateEvidence, 'golden' | 'latencyMs' | 'sizeBytes' | 'fresh'> {
  /** The base model brings sums over what it was trained on, and they were learned from too. */
  readonly hasStatistics: boolean;
}

/** `train` are the rows that were learned from, or could have been: they say whether a class has moments enough. */
export function judgeEvidence(evidence: Evidence, train: FeatureSet, { hasStatistics, ...costs }: Costs, limits: GateLimits): Verdict {
  const { classes, rows, agreement, unmeasured } = evidence;
  const isCompared = rows.length > 0 && rows.every(({ current }) => current !== null);
  return judge(
    {
      classes,
      groupsPerClass: momentsPerClass(train, classes.length),
      labels: rows.map(({ is }) => is),
      groups: rows.map(({ group }) => group),
      candidate: rows.map(({ is, candidate }) => candidate === is),
      current: isCompared ? rows.map(({ is, current }) => current === is) : null,
      agreement,
      // A golden set or statistics speak for what has no captures.
      unmeasured: costs.golden !== null || hasStatistics ? [] : unmeasured,
      ...costs,
    },
    limits,
  );
}
