// Whether a candidate may replace what predicts now. Evidence in, a verdict with its numbers out; decides and does nothing else. Both
// sides must have been judged on the same rows, none of which either has learned from.
import type { Verdict } from '../types.ts';

export interface GateLimits {
  /** Confidence that the improvement is more than chance, 0.5 to 1, e.g. 0.9. */
  readonly confidence: number;
  /** Largest fall of accuracy on the base model's golden set, 0 to 1. */
  readonly forgetting: number;
  /** Largest latency and size against the current model's, e.g. 1.1. */
  readonly latencyRatio: number;
  readonly sizeRatio: number;
  /** Labelled groups that every class needs before a candidate is judged. */
  readonly minPerClass: number;
}

/** Less than this is the clock's and the scheduler's noise, however small the model: 0.1 ms against 0.2 ms says nothing. */
const latencyNoiseMs = 0.5;

export interface Evidence {
  readonly classes: readonly string[];
  /** Labelled groups of each class, in the order of `classes`. */
  readonly groupsPerClass: readonly number[];
  /** True class of each judged row, and whether the candidate names it. */
  readonly labels: ArrayLike<number>;
  readonly candidate: readonly boolean[];
  /**
   * The same rows by the current model, where both know the same classes. null where the classes were replaced: then the candidate must
   * beat always naming the most common class.
   */
  readonly current: readonly boolean[] | null;
  /** Group of each judged row: rows of one group count as one observation. */
  readonly groups: ArrayLike<number>;
  /** Accuracy on the golden set; null where the model has none. */
  readonly golden: { readonly before: number; readonly after: number; readonly samples: number } | null;
  readonly latencyMs: { readonly before: number; readonly after: number } | null;
  readonly sizeBytes: { readonly before: number; readonly after: number } | null;
}

export function judge(evidence: Evidence, limits: GateLimits): Verdict {
  const scarce = scarceClasses(evidence, limits);
  if (scarce !== null) return { kind: 'waiting', reason: scarce };
  if (evidence.candidate.length === 0) return { kind: 'waiting', reason: 'No labelled sample is left to judge a candidate by.' };
  const broken = brokenLimit(evidence, limits);
  if (broken !== null) return { kind: 'rejected', reason: broken };
  return evidence.current === null ? againstMajority(evidence, limits) : againstCurrent(evidence, evidence.current, limits);
}

function scarceClasses({ classes, groupsPerClass }: Evidence, { minPerClass }: GateLimits): string | null {
  const scarce = classes.flatMap((name, label) => {
    const groups = groupsPerClass[label] ?? 0;
    return groups > 0 && groups < minPerClass ? [`'${name}' has ${groups}`] : [];
  });
  const learned = groupsPerClass.filter((groups) => groups > 0).length;
  if (learned === 0) return 'No sample has a label yet.';
  const listed = scarce.length > 5 ? `${scarce.slice(0, 5).join(', ')} and ${scarce.length - 5} more` : scarce.join(', ');
  if (scarce.length > 0)
    return `Every class needs ${minPerClass} labelled ${minPerClass === 1 ? 'sample' : 'samples'} from different moments: ${listed}.`;
  return null;
}

function brokenLimit({ golden, latencyMs, sizeBytes }: Evidence, limits: GateLimits): string | null {
  if (golden !== null && golden.before - golden.after > limits.forgetting + 1e-9) {
    return `It forgets: on ${golden.samples} samples of the base model accuracy falls from ${percent(golden.before)} to ${percent(golden.after)}, more than ${percent(limits.forgetting)} allows.`;
  }
  if (latencyMs !== null && latencyMs.after > latencyMs.before * limits.latencyRatio + latencyNoiseMs) {
    return `It is slow: ${latencyMs.after.toFixed(1)} ms against ${latencyMs.before.toFixed(1)} ms, more than ${limits.latencyRatio} times.`;
  }
  if (sizeBytes !== null && sizeBytes.after > sizeBytes.before * limits.sizeRatio) {
    return `It is large: ${sizeBytes.after} bytes against ${sizeBytes.before}, more than ${limits.sizeRatio} times.`;
  }
  return null;
}

/** Exact McNemar test on groups in which only one of the two is right. */
function againstCurrent(evidence: Evidence, current: readonly boolean[], { confidence }: GateLimits): Verdict {
  const { candidate, groups } = evidence;
  const balance = new Map<number, number>();
  for (const [row, right] of candidate.entries()) {
    const group = groups[row]!;
    balance.set(group, (balance.get(group) ?? 0) + Number(right) - Number(current[row]));
  }
  const wins = [...balance.values()].filter((value) => value > 0).length;
  const losses = [...balance.values()].filter((value) => value < 0).length;
  const scores = `${score(candidate)} against ${score(current)} of the current model`;
  const chance = atLeast(wins, wins + losses, 0.5);
  if (wins > losses && chance <= 1 - confidence + 1e-12)
    return { kind: 'accepted', reason: `Better: ${scores}; chance alone would do that with p = ${chance.toFixed(3)}.` };
  if (wins > losses)
    return {
      kind: 'rejected',
      reason: `Not better by more than chance: ${scores}, p = ${chance.toFixed(3)}, wanted at most ${(1 - confidence).toFixed(3)}.`,
    };
  return { kind: 'rejected', reason: `Not better: ${scores}.` };
}

/** Exact binomial test against the accuracy that the most common class alone would reach, on groups that are right in the majority. */
function againstMajority(evidence: Evidence, { confidence }: GateLimits): Verdict {
  const { candidate, labels, groups } = evidence;
  const counts = new Map<number, number>();
  for (let row = 0; row < candidate.length; row += 1) counts.set(labels[row]!, (counts.get(labels[row]!) ?? 0) + 1);
  const [common, most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
  const base = most / candidate.length;
  const byGroup = new Map<number, { right: number; rows: number }>();
  for (const [row, right] of candidate.entries()) {
    const group = byGroup.get(groups[row]!) ?? { right: 0, rows: 0 };
    byGroup.set(groups[row]!, { right: group.right + Number(right), rows: group.rows + 1 });
  }
  const right = [...byGroup.values()].filter((group) => group.right * 2 > group.rows).length;
  const chance = base >= 1 ? 1 : atLeast(right, byGroup.size, base);
  const scores = `${score(candidate)}; always saying '${evidence.classes[common]}' gives ${percent(base)}`;
  if (chance <= 1 - confidence + 1e-12) return { kind: 'accepted', reason: `Better than guessing: ${scores} (p = ${chance.toFixed(3)}).` };
  return { kind: 'rejected', reason: `Not better than guessing by more than chance: ${scores} (p = ${chance.toFixed(3)}).` };
}

/** Probability of `successes` or more among `trials`, each with probability p. */
export function atLeast(successes: number, trials: number, p: number): number {
  let sum = 0;
  let logTerm = trials * Math.log1p(-p);
  for (let count = 0; count <= trials; count += 1) {
    if (count >= successes) sum += Math.exp(logTerm);
    logTerm += Math.log(trials - count) - Math.log(count + 1) + Math.log(p) - Math.log1p(-p);
  }
  return Math.min(1, sum);
}

function score(hits: readonly boolean[]): string {
  const right = hits.filter(Boolean).length;
  return `${right} of ${hits.length} right (${percent(right / hits.length)})`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
