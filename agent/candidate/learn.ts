// What is learned from a set of rows, for the device and for `adapt` alike: with what the base model knew where that is at hand, without it only
// where it is worth what it forgets and every class has captures. Without statistics the closed form itself holds what nobody labelled.
import { type Chosen, fitBest, type LearnerChoice } from '../learn/choose.ts';
import { knownClasses } from '../learn/gradient/memory.ts';
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
  // Statistics of a device's own captures know nothing of classes that it never saw.
  const isCovered = prior !== null && silent.every((label) => prior.moment[prior.width * classes + label]! >= fewest);
  const held = isCovered ? choice : holdingChoice(choice, input, silent);
  const plain = await fitBest(held, [closedForm, gradient], { ...input, prior: null, personalWeight: 1 });
  if (!isCovered || !plain.learner.usesStatistics) return silent.length === 0 || !plain.learner.usesStatistics ? plain : holding(plain);
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

/**
 * Gradients forget what has no captures, on several layers whatever is done and in a single one where a class is new (objects: from 0.78 to 0.56),
 * and the left-out rows that would choose them do not see it. Several layers are trained so only where somebody asks for it.
 */
function holdingChoice(
  choice: LearnerChoice,
  { tail, classes }: Pick<Lesson, 'tail' | 'classes'>,
  silent: readonly number[],
): LearnerChoice {
  const { head } = tail;
  if (head === null) return choice;
  const known = knownClasses(tail, classes);
  if (!silent.some((label) => known[label])) return choice;
  const isSingle = tail.parameters.every(({ name }) => name === head.weight || name === head.bias);
  const isNewTaught = known.some((isKnown, label) => !isKnown && !silent.includes(label));
  return choice === 'auto' || (isSingle && isNewTaught) ? 'closed-form' : choice;
}
