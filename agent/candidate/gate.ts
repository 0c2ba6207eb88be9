// Whether a candidate may replace what predicts now. Evidence in, a verdict with its numbers out; decides and does nothing else. Both
// sides must have been judged on the same rows, none of which either has learned from; rows of one moment are one observation.

import { atLeast, fewestWins, formatChance, levelAt, momentsToShow } from '../learn/chance.ts';
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
  /**
   * How often this device has asked already whether something is better than its current model, this time included: the more often, the
   * more is wanted. null where a person asks once: then a candidate that is not worse is taken as well.
   */
  readonly look: number | null;
}

/** Less than this is the clock's and the scheduler's noise, however small the model: 0.1 ms against 0.2 ms says nothing. */
const latencyNoiseMs = 0.5;

export interface GateEvidence {
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
  /** The written file beside the float tail that it was made from, on rows that were learned from; null where it was not compared. */
  readonly agreement?: Agreement | null;
  /** Classes that nothing could say anything about: no rows, no golden set, no statistics. */
  readonly unmeasured?: readonly string[];
  /** Classes that the current model does not have, learned beside nothing that says what the others look like. */
  readonly fresh?: readonly number[];
  /** Accuracy on the golden set; null where the model has none. */
  readonly golden: { readonly before: number; readonly after: number; readonly samples: number } | null;
  /** null where both are the same graph, so that the clock could only err. */
  readonly latencyMs: { readonly before: number; readonly after: number } | null;
  readonly sizeBytes: { readonly before: number; readonly after: number } | null;
}

export interface Agreement {
  readonly rows: number;
  /** Share of the rows on which both name the same class. */
  readonly share: number;
  /** Rows that each gets right. */
  readonly file: number;
  readonly float: number;
  /** Of the rows on which just one of them is right: those of the float tail, less those of the file. */
  readonly lost: number;
  readonly won: number;
}

/** Agreement from which on nothing is asked. */
const fullAgreement = 0.95;
/** A written file may be worse than its float tail by so much, whatever chance says. */
const allowedLoss = 0.01;

export function judge(evidence: GateEvidence, limits: GateLimits): Verdict {
  const verdict = decide(evidence, limits);
  const unmeasured = evidence.unmeasured ?? [];
  if (verdict.kind === 'waiting') return verdict;
  const said = [...sayRarelyFound(evidence), ...(unmeasured.length === 0 ? [] : [sayUnmeasured(unmeasured)])];
  return said.length === 0 ? verdict : { ...verdict, reason: [verdict.reason, ...said].join(' ') };
}

function decide(evidence: GateEvidence, limits: GateLimits): Verdict {
  const scarce = scarceClasses(evidence, limits);
  if (scarce !== null) return { kind: 'waiting', reason: scarce };
  const broken = brokenFile(evidence.agreement ?? null);
  if (broken !== null) return { kind: 'rejected', reason: broken };
  if (evidence.candidate.length === 0)
    return {
      kind: 'waiting',
      reason: 'No labelled sample is left to judge a candidate by: all that there are have been learned from. Label more captures.',
    };
  const exceeded = brokenLimit(evidence, limits);
  if (exceeded !== null) return { kind: 'rejected', reason: exceeded };
  return evidence.current === null ? againstMajority(evidence, limits) : againstCurrent(evidence, evidence.current, limits);
}

/** A new class that is found less often than this is worth a sentence. */
const oftenFound = 0.9;

/** The others' answers come first where nothing says what they look like: a new class near them is named with care. */
function sayRarelyFound({ classes, labels, candidate, fresh = [] }: GateEvidence): readonly string[] {
  return fresh.flatMap((label) => {
    const own = candidate.filter((_, row) => labels[row] === label);
    const found = own.filter(Boolean).length;
    if (own.length === 0 || found >= oftenFound * own.length) return [];
    return [
      `The new class '${classes[label]}' is found in ${found} of ${own.length} captures: it is named with care, so that the others keep their answers. More captures of it, from other moments, help somewhat; where classes look alike, only a model trained with it does better.`,
    ];
  });
}

function sayUnmeasured(classes: readonly string[]): string {
  const shown = classes.slice(0, 5).map((name) => `'${name}'`);
  const rest = classes.length > shown.length ? ` and ${classes.length - shown.length} more` : '';
  const them = classes.length === 1 ? 'it' : 'them';
  return `Not measured: what it makes of ${shown.join(', ')}${rest}; no captures of ${them} judge, and the model brings neither a golden set nor statistics.`;
}

function scarceClasses({ classes, groupsPerClass }: GateEvidence, { minPerClass }: GateLimits): string | null {
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

/** Left-out predictions are those of the float tail: they say something of the file only where the file does what the tail does. */
function brokenFile(agreement: Agreement | null): string | null {
  if (agreement === null || agreement.rows === 0 || agreement.share >= fullAgreement) return null;
  const { rows, share, file, float, lost, won } = agreement;
  const isWorse = float - file > allowedLoss * rows && atLeast(lost, lost + won, 0.5) <= 0.05;
  if (!isWorse) return null;
  return `The written file does not do what was learned: it agrees with the float tail on ${percent(share)} of ${rows} captures that were learned from, and gets ${file} of them right where the float tail gets ${float}. Rounding has cost that: train with --training quantization=aware, leave the scales as they are with --training scales=fixed, or use a model whose last layer is float.`;
}

function brokenLimit({ golden, latencyMs, sizeBytes }: GateEvidence, limits: GateLimits): string | null {
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

function wantedLevel({ confidence, look }: GateLimits): number {
  return (look === null ? 1 - confidence : levelAt(look, confidence)) + 1e-12;
}

/** Exact McNemar test on groups in which only one of the two is right. */
function againstCurrent(evidence: GateEvidence, current: readonly boolean[], limits: GateLimits): Verdict {
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
  const level = wantedLevel(limits);
  if (wins > losses && chance <= level)
    return { kind: 'accepted', reason: `Better: ${scores}; chance alone would do that with ${formatChance(chance)}.` };
  if (wins < losses) return { kind: 'rejected', reason: `Not better: ${scores}.` };
  const needed = sayNeeded({ wins, losses, moments: balance.size }, level);
  // Where nobody watches, what is not shown to be better is not used. A person who asked gets it, unless it says no more than a guess would.
  if (limits.look === null && wins > losses && isMoreThanGuessing(evidence, limits))
    return { kind: 'not-worse', reason: `Not worse; too few to show that it is better: ${scores}, ${formatChance(chance)}. ${needed}` };
  if (wins === losses) return { kind: 'rejected', reason: `Not better: ${scores}. ${needed}` };
  const wanted = limits.look === null ? '' : ` at look ${limits.look}`;
  return {
    kind: 'rejected',
    reason: `Not better by more than chance: ${scores}, ${formatChance(chance)}, wanted at most ${level.toFixed(3)}${wanted}. ${needed}`,
  };
}

/** What a test of this size could show at all, and what would be enough. */
function sayNeeded({ wins, losses, moments }: { readonly wins: number; readonly losses: number; readonly moments: number }, level: number) {
  const fewest = fewestWins(level);
  if (wins + losses < fewest)
    return `The two differ on ${wins + losses} of ${moments} moments, and ${fewest} without a loss are the fewest that show anything: label more, best what the current model gets wrong.`;
  const enough = momentsToShow(wins, losses, moments, level);
  if (enough === null) return `On ${wins + losses} of ${moments} moments they differ, as often one way as the other.`;
  return `If it goes on like that, about ${enough - moments} more moments would show it.`;
}

/** What always naming the most common class would get right, moment by moment, and how the candidate compares. */
function guessing({ candidate, labels, groups }: GateEvidence) {
  const moments = new Map<number, { right: number; rows: number; label: number }>();
  for (const [row, right] of candidate.entries()) {
    const moment = moments.get(groups[row]!) ?? { right: 0, rows: 0, label: labels[row]! };
    moments.set(groups[row]!, { ...moment, right: moment.right + Number(right), rows: moment.rows + 1 });
  }
  const counts = new Map<number, number>();
  for (const { label } of moments.values()) counts.set(label, (counts.get(label) ?? 0) + 1);
  const [common, most] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
  const right = [...moments.values()].filter((moment) => moment.right * 2 > moment.rows).length;
  const base = most / moments.size;
  return { common, base, right, moments: moments.size, chance: base >= 1 ? 1 : atLeast(right, moments.size, base) };
}

function isMoreThanGuessing(evidence: GateEvidence, { confidence }: GateLimits): boolean {
  const { base, right, moments, chance } = guessing(evidence);
  return base >= 1 ? right * 2 > moments : chance <= 1 - confidence + 1e-12;
}

/** Exact binomial test against the accuracy that the most common class alone would reach, on moments that are right in the majority. */
function againstMajority(evidence: GateEvidence, limits: GateLimits): Verdict {
  const { common, base, right, moments, chance } = guessing(evidence);
  const byMoments = moments === evidence.candidate.length ? '' : `, ${right} of ${moments} moments`;
  const scores = `${score(evidence.candidate)}${byMoments}; always saying '${evidence.classes[common]}' gives ${percent(base)}`;
  if (chance <= wantedLevel(limits)) return { kind: 'accepted', reason: `Better than guessing: ${scores} (${formatChance(chance)}).` };
  const fewest = base >= 1 ? Number.POSITIVE_INFINITY : Math.ceil(Math.log(wantedLevel(limits)) / Math.log(base));
  const needed =
    moments >= fewest
      ? ''
      : ` Even all right would show nothing with fewer than ${Number.isFinite(fewest) ? `${fewest} moments` : 'two classes'}.`;
  return { kind: 'rejected', reason: `Not better than guessing by more than chance: ${scores} (${formatChance(chance)}).${needed}` };
}

function score(hits: readonly boolean[]): string {
  const right = hits.filter(Boolean).length;
  return `${right} of ${hits.length} right (${percent(right / hits.length)})`;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
