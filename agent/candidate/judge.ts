// Evidence → the gate's verdict. Adds what the base model's golden set says of both sides.
import type { TailRunner } from '../model/classify.ts';
import type { Knowledge } from '../model/knowledge.ts';
import type { FeatureSet, Verdict } from '../types.ts';
import { momentsPerClass } from './divide.ts';
import { classesOfTail, type Evidence } from './evidence.ts';
import { type GateEvidence, type GateLimits, judge } from './gate.ts';

export interface Named {
  readonly tail: TailRunner;
  /** Names of what it gives, in order. */
  readonly classes: readonly string[];
}

/** Accuracy on the base model's golden features by two tails; null where it brings none along. `classes` are the names of the base's. */
export async function judgeGolden(
  golden: Knowledge['golden'],
  classes: readonly string[],
  before: Named,
  after: Named,
): Promise<GateEvidence['golden']> {
  if (golden === null || golden.count === 0) return null;
  const rows = Array.from(golden.labels.keys());
  const share = async (side: Named) => {
    const said = await classesOfTail(side.tail, golden, rows);
    return said.filter((label, row) => side.classes[label] === classes[golden.labels[row]!]).length / rows.length;
  };
  return { before: await share(before), after: await share(after), samples: rows.length };
}

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
