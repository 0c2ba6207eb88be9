// One fit of the closed form with every choice named, for ablations: what the product chooses by itself is set by hand here, one at a time.

import { closedForm } from '../../agent/learn/ridge/closed-form.ts';
import { personalWeightOf } from '../../agent/learn/ridge/keep-known.ts';
import { scaleStatistics } from '../../agent/learn/ridge/statistics.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

/** As the product chooses; `personalWeight` null: by the number of rows. */
export const usual = { prior: true, baseWeight: 1000, personalWeight: null, views: 10 };

/** `chosen` are recordings of a speaker. */
export async function fitRidge(speech, chosen, { prior, baseWeight, personalWeight, views, labels, noiseDb = null }) {
  const plain = await speech.features(chosen, { labels, noiseDb });
  const varied = views === 0 ? [] : (await speech.views(chosen, { labels, noiseDb })).slice(0, views);
  const train = joined([plain, ...varied]);
  const known = speech.knowledge.statistics;
  const fitted = await closedForm.fit({
    tail: speech.classifier.tail,
    train,
    classes: speech.classes,
    prior: prior ? scaleStatistics(known, baseWeight / known.weight) : null,
    personalWeight: personalWeight ?? personalWeightOf(train.count),
    seed: 1,
    runtime: createRuntime(),
  });
  return fitted.weights;
}

/** The rows of all sets. */
export function joined(sets) {
  const flat = (key, Type) => {
    const all = new Type(sets.reduce((sum, set) => sum + set[key].length, 0));
    let at = 0;
    for (const set of sets) {
      all.set(set[key], at);
      at += set[key].length;
    }
    return all;
  };
  const features = flat('features', Float32Array);
  return {
    features,
    width: sets[0].width,
    count: features.length / sets[0].width,
    labels: flat('labels', Int32Array),
    groups: flat('groups', Int32Array),
  };
}
