// Which learner's tail is kept. Both are fitted where both can be; the left-out predictions decide. Configuration may name one instead.
import { WhetError } from '../errors.ts';
import type { FeatureSet } from '../types.ts';
import { hits } from './evaluate.ts';
import type { FittedTail, Learner, LearnerInput } from './learner.ts';

export type LearnerChoice = 'auto' | 'closed-form' | 'gradient';

export interface Chosen {
  readonly learner: Learner['name'];
  readonly fitted: FittedTail;
  readonly reason: string;
}

/** A smaller gain in left-out accuracy is noise: the learner that comes first wins ties. */
const margin = 0.02;

/** `learners` are in order of preference. Throws `model-unsupported` where the wanted learner cannot train the tail. */
export async function fitBest(choice: LearnerChoice, learners: readonly Learner[], input: LearnerInput): Promise<Chosen> {
  const wanted = learners.filter((learner) => choice === 'auto' || learner.name === choice);
  const usable = wanted.filter((learner) => learner.name !== 'closed-form' || input.tail.head !== null);
  const [first, ...others] = usable;
  if (first === undefined) {
    throw new WhetError('model-unsupported', `no learner can train this tail (wanted: ${choice})`, {
      hint: 'The closed form needs a tail that ends in a linear layer; use --learner gradient or another cut.',
    });
  }
  const isDeep = input.tail.parameters.some(({ name }) => name !== input.tail.head?.weight && name !== input.tail.head?.bias);
  let best = await attempt(first, input);
  // The closed form is exact for a linear head; a second opinion costs training time and pays only where more layers can learn.
  if (choice !== 'auto' || !isDeep) return { learner: first.name, fitted: best.fitted, reason: 'it fits the tail' };
  for (const learner of others) {
    const next = await attempt(learner, input);
    if (next.accuracy !== null && best.accuracy !== null && next.accuracy > best.accuracy + margin) best = next;
  }
  const shown = best.accuracy === null ? 'unknown' : `${(100 * best.accuracy).toFixed(1)} %`;
  return { learner: best.learner.name, fitted: best.fitted, reason: `left-out accuracy ${shown}` };
}

interface Attempt {
  readonly learner: Learner;
  readonly fitted: FittedTail;
  readonly accuracy: number | null;
}

async function attempt(learner: Learner, input: LearnerInput): Promise<Attempt> {
  const fitted = await learner.fit(input);
  return { learner, fitted, accuracy: leftOutAccuracy(fitted, input.train, input.classes) };
}

/** Share of rows that were right when they were left out; null where nothing could be left out. */
export function leftOutAccuracy({ crossValidated }: FittedTail, { labels, count }: FeatureSet, classes: number): number | null {
  if (crossValidated === null || count === 0) return null;
  return hits(crossValidated, labels.subarray(0, count), classes).filter(Boolean).length / count;
}
