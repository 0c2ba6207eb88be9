// What is learned from a set of rows, for the device and for `adapt` alike: with what the base model knew where that is at hand, without it only
// where it is worth what it forgets and every class has captures. Without statistics the closed form itself holds what nobody labelled.
import { type Chosen, fitBest, type LearnerChoice } from '../learn/choose.ts';
import type { Learner, LearnerInput } from '../learn/learner.ts';
import { closedForm } from '../learn/ridge/closed-form.ts';
import { isWorthForgetting, personalWeightOf } from '../learn/ridge/keep-known.ts';
import type { Statistics } from '../learn/ridge/statistics.ts';

/** Samples of a class that statistics must have seen to stand for it. */
const fewest = 5;

export interface Lesson extends Omit<LearnerInput, 'prior' | 'personalWeight'> {
  readonly choice: LearnerChoice;
  readonly gradient: Learner;
  /** What the base model knew, as statistics; null where nothing says it, or it is not wanted. */
  readonly prior: Statistics | null;
}

export async function learnTail({ choice, gradient, prior, ...input }: Lesson): Promise<Chosen> {
  const { train, classes } = input;
  const taught = new Set(train.labels.subarray(0, train.count));
  const silent = Array.from({ length: classes }, (_, label) => label).filter((label) => !taught.has(label));
  const plain = await fitBest(choice, [closedForm, gradient], { ...input, prior: null, personalWeight: 1 });
  // Statistics of a device's own captures know nothing of classes that it never saw.
  const isCovered = prior !== null && silent.every((label) => prior.moment[prior.width * classes + label]! >= fewest);
  if (!isCovered || plain.learner !== 'closed-form') return silent.length === 0 || plain.learner !== 'closed-form' ? plain : holding(plain);
  const kept = await fitBest('closed-form', [closedForm], { ...input, prior, personalWeight: personalWeightOf(train.count) });
  if (silent.length === 0 && isWorthForgetting(plain.fitted, kept.fitted, train, classes))
    return { ...plain, reason: 'what the base model knew does not help with these captures' };
  return {
    ...kept,
    reason: `${plain.depth === null ? 'it fits the tail' : plain.reason}; it keeps what the base model knew`,
    depth: plain.depth === null ? null : { ...plain.depth, shallow: kept.fitted },
  };
}

const holding = (chosen: Chosen): Chosen => ({ ...chosen, reason: `${chosen.reason}; classes without captures keep their weights` });
