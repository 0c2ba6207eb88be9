// What the base model's golden set says of two tails. Runs both.
import type { TailRunner } from '../model/classify.ts';
import type { Knowledge } from '../model/knowledge.ts';
import { classesOfTail } from './evidence.ts';
import type { GateEvidence } from './gate.ts';

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
