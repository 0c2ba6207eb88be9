// Captures as they might have been (mirrored, louder, faster …) → a better fit, or the one without them where they mislead. Takes a function
// that learns from rows; left-out predictions of the answer are those of the captures themselves.
import type { Chosen, LearnerChoice } from '../learn/choose.ts';
import { isClearlyBetter } from '../learn/ridge/keep-known.ts';
import type { FeatureSet } from '../types.ts';

/**
 * `learn` is told which learner to take where that is settled: depth that brought nothing to the captures is not tried again on their copies.
 * `views` are rows in the groups of the captures that they vary, so that no copy judges its original; none where it has
 * no row.
 */
export async function learnWithViews(
  learn: (rows: FeatureSet, settled?: LearnerChoice) => Promise<Chosen>,
  train: FeatureSet,
  views: FeatureSet,
  classes: number,
): Promise<Chosen> {
  const plain = await learn(train);
  if (views.count === 0) return plain;
  const isSettled = plain.depth !== null && plain.learner.trains === 'head';
  const varied = await learn(joinRows([train, views]), isSettled ? plain.learner.name : undefined);
  const seen = {
    ...varied,
    fitted: { ...varied.fitted, crossValidated: varied.fitted.crossValidated?.slice(0, train.count * classes) ?? null },
  };
  // Where left and right are the difference between classes, pictures say so.
  if (isClearlyBetter(plain.fitted, seen.fitted, train, classes)) return plain;
  const reason = isSettled ? plain.reason : seen.reason;
  const depth = isSettled ? { ...plain.depth, shallow: seen.fitted } : seen.depth;
  return { ...seen, depth, reason: `${reason}; varied copies were learned from too` };
}

/** The rows of all sets. */
export function joinRows(sets: readonly FeatureSet[]): FeatureSet {
  const width = sets[0]?.width ?? 0;
  const features = new Float32Array(sets.reduce((sum, set) => sum + set.features.length, 0));
  let at = 0;
  for (const set of sets) {
    features.set(set.features, at);
    at += set.features.length;
  }
  const join = (key: 'labels' | 'groups') => Int32Array.from(sets.flatMap((set) => Array.from(set[key])));
  return { features, width, count: sets.reduce((sum, set) => sum + set.count, 0), labels: join('labels'), groups: join('groups') };
}
