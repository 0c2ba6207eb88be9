// How much a person's rows weigh against what the base model knew, and when that, or anything else that is wise by itself, is given up. Pure.
//
// Measured on spoken digits by two speakers whom the model had never heard (scripts/accent-study.mjs): with rows that together weigh 2.5 times as
// much as the base, 5 utterances a digit gave 1.00 on new recordings and left the base's speakers at 1.00. As much as the base gave 0.99,
// five times as much cost the base's speakers up to a point; a fixed weight of 3 a row cost them 3 points with 20 utterances a digit.
import type { FeatureSet } from '../../types.ts';
import { atLeast } from '../chance.ts';
import { hits } from '../evaluate.ts';
import type { FittedTail } from '../learner.ts';
import { addStatistics, extendStatistics, type Statistics, scaleStatistics } from './statistics.ts';

/** Samples of the base model that are counted at most: thousands would drown a few personal ones. */
export const baseWeight = 1000;
const personalShare = 2.5;
const least = 1;
const mostPersonalWeight = 10;

/**
 * Weight of one of so many personal rows against one of the base's: together a multiple of the base, within bounds. More would draw the few
 * rows of a beginning too far; a row never counts less than one of the base's.
 */
export function personalWeightOf(rows: number): number {
  return Math.min(mostPersonalWeight, Math.max(least, (personalShare * baseWeight) / Math.max(1, rows)));
}

/** The base model's statistics as a person's rows meet them: of at most `baseWeight` samples, with room for new classes. */
export function priorFrom(statistics: Statistics, classes: number): Statistics {
  return extendStatistics(scaleStatistics(statistics, Math.min(statistics.weight, baseWeight) / statistics.weight), classes);
}

/** Every lesson so far counts alike, the base model being the first, but a capture never more than learning lets it. */
export function withLesson(known: Statistics, lessons: number, own: Statistics): Statistics {
  const mass = Math.min(known.weight / lessons, (own.weight * mostPersonalWeight * known.weight) / baseWeight);
  return addStatistics(known, scaleStatistics(own, mass / own.weight));
}

/** A worse chance than this is taken for one. */
const chance = 0.05;
/** Share of left-out rows that must be gained before what the base model knew is given up: it is forgotten then. */
const priceOfForgetting = 0.05;

/**
 * Whether learning without the base's knowledge is worth what it forgets: better by more than chance, and by 5 points. Measured: with 50
 * utterances of a speaker, left-out accuracy was 0.98 without it and 0.94 with it, new recordings of the same speaker were right in 0.96 and
 * 1.00, and the base's own in 0.78 and 1.00; with 200 utterances, gains of one or two points cost the base's speakers 9 to 15.
 */
export function isWorthForgetting(without: FittedTail, kept: FittedTail, set: FeatureSet, classes: number): boolean {
  const gain = shareOfHits(without, set, classes) - shareOfHits(kept, set, classes);
  return gain > priceOfForgetting && isClearlyBetter(without, kept, set, classes);
}

/** Whether `other` predicts left-out rows of the set better than `own` by more than chance: exact McNemar test on groups, as the gate's. */
export function isClearlyBetter(other: FittedTail, own: FittedTail, set: FeatureSet, classes: number): boolean {
  if (other.crossValidated === null || own.crossValidated === null) return false;
  const [theirs, ours] = [hits(other.crossValidated, set.labels, classes), hits(own.crossValidated, set.labels, classes)];
  const balance = new Map<number, number>();
  for (let row = 0; row < set.count; row += 1) {
    const group = set.groups[row]!;
    balance.set(group, (balance.get(group) ?? 0) + Number(theirs[row]) - Number(ours[row]));
  }
  const wins = [...balance.values()].filter((value) => value > 0).length;
  const losses = [...balance.values()].filter((value) => value < 0).length;
  return wins > losses && atLeast(wins, wins + losses, 0.5) <= chance;
}

function shareOfHits({ crossValidated }: FittedTail, set: FeatureSet, classes: number): number {
  if (crossValidated === null || set.count === 0) return 0;
  return hits(crossValidated, set.labels, classes).filter(Boolean).length / set.count;
}
