// The model's own knowledge and a person's features → the tail to ship. Where the base model brings statistics along, they are kept unless
// the person's own pictures say that learning without them is better by more than noise.
import { type Chosen, fitBest, leftOutAccuracy } from '../learn/choose.ts';
import { closedForm } from '../learn/closed-form.ts';
import { gradient } from '../learn/gradient.ts';
import { extendStatistics, type Statistics, scaleStatistics } from '../learn/statistics.ts';
import { loadKnowledge } from '../model/knowledge.ts';
import type { Classifier } from '../model/open.ts';
import type { FloatTail } from '../onnx/tail.ts';
import type { FeatureSet } from '../types.ts';
import type { AdaptOptions } from './report.ts';

/** One picture weighs as much as this many of the base model's samples, of which so many at most are counted. */
const personalWeight = 3;
const baseWeight = 1000;
const margin = 0.02;

export async function learnCandidate(
  options: AdaptOptions,
  classifier: Classifier,
  tail: FloatTail,
  train: FeatureSet,
  classes: number,
): Promise<Chosen> {
  const { learner, seed, threads, signal, progress } = options;
  const input = {
    tail,
    train,
    classes,
    seed,
    threads,
    ...(signal === undefined ? {} : { signal }),
    ...(progress === undefined ? {} : { progress }),
  };
  const plain = await fitBest(learner, [closedForm, gradient], { ...input, prior: null, personalWeight: 1 });
  const prior = options.classes === 'replace' || plain.learner !== 'closed-form' ? null : priorOf(options.model, classifier, classes);
  if (prior === null) return plain;
  const kept = await fitBest('closed-form', [closedForm], { ...input, prior, personalWeight });
  const accuracyOf = ({ fitted }: Chosen) => leftOutAccuracy(fitted, train, classes) ?? 0;
  return accuracyOf(kept) + margin >= accuracyOf(plain)
    ? { ...kept, reason: 'it fits the tail, and keeps what the base model knew' }
    : { ...plain, reason: 'what the base model knew does not help with these pictures' };
}

function priorOf(modelPath: string, classifier: Classifier, classes: number): Statistics | null {
  const { statistics } = loadKnowledge(modelPath, classifier);
  if (statistics === null) return null;
  const weight = Math.min(statistics.weight, baseWeight);
  return extendStatistics(scaleStatistics(statistics, weight / statistics.weight), classes);
}
