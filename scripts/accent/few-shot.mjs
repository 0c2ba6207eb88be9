// The main table: how many utterances a digit are enough, for which learner, and what the base speakers lose. `whet adapt` itself learns.

import { learnCandidate } from '../../agent/adapt/learn-candidate.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { meanOf, outcomeOf, shown, table } from './outcome.mjs';
import { hitsOf, hitsOfShipped } from './speech.mjs';

export function fewShot(options) {
  const { counts, draws } = options;
  return measure(options, [{ name: 'closed form', layers: 1, learner: 'closed-form', counts, draws }]);
}

/** The same by gradients, which take longer: fewer counts and draws. */
export function gradients(options) {
  const counts = options.counts.filter((count) => [1, 5, 20].includes(count));
  const draws = Math.min(options.draws, 2);
  const of = (layers) => ({
    name: `gradient, ${layers === 1 ? 'last layer' : `${layers} layers`}`,
    layers,
    learner: 'gradient',
    counts,
    draws,
  });
  return measure(options, options.quick ? [of(1)] : [of(1), of(2)]);
}

async function measure(options, ways) {
  const results = [];
  for (const { name, layers, learner, counts, draws } of ways) {
    const speech = await options.speech(layers);
    for (const speaker of speech.speakers) {
      const test = await speech.features(speech.test(speaker));
      const known = await speech.features(speech.known.flatMap((each) => speech.test(each)));
      const before = { speaker: await hitsOfShipped(speech, null, null, test), known: await hitsOfShipped(speech, null, null, known) };
      for (const count of counts) {
        const drawn = { float: [], shipped: [], known: [], ms: [] };
        for (let draw = 0; draw < draws; draw += 1) {
          const { weights, train, ms } = await learn(speech, speech.draw(speaker, count, draw), learner);
          drawn.ms.push(ms);
          drawn.float.push(await hitsOf(speech, weights, test));
          drawn.shipped.push(await hitsOfShipped(speech, weights, train, test));
          drawn.known.push(await hitsOfShipped(speech, weights, train, known));
        }
        const [float, shipped, after] = [drawn.float, drawn.shipped, drawn.known].map(outcomeOf);
        const base = { speaker: meanOf(before.speaker), known: meanOf(before.known) };
        results.push({ way: name, speaker, utterances: count, base, float, shipped, known: after, learnMs: meanOf(drawn.ms) });
        options.progress(`${name}, ${speaker}, ${count} a digit: ${shown(shipped)}, base speakers ${after.value.toFixed(3)}`);
      }
    }
  }
  const rows = results.map(({ way, speaker, utterances, base, float, shipped, known, learnMs }) => [
    way,
    speaker,
    utterances,
    base.speaker.toFixed(2),
    shown(shipped),
    float.value.toFixed(3),
    `${base.known.toFixed(2)} → ${known.value.toFixed(3)}`,
    Math.round(learnMs),
  ]);
  const columns = ['learner', 'speaker', 'utterances a digit', 'before', 'after, int8 (95 %)', 'after, float', 'base speakers', 'ms'];
  return { results, text: table('Few utterances of a speaker never heard', columns, rows) };
}

/** As `whet adapt` learns, from features. */
export async function learn(speech, chosen, learner, { labels, views = true } = {}) {
  const train = await speech.features(chosen, { labels });
  const varied = views ? await speech.views(chosen, { labels }) : [];
  const start = performance.now();
  const { fitted } = await learnCandidate(
    { model: speech.path, classes: 'keep', learner, runtime: createRuntime(), seed: 1 },
    { classifier: speech.classifier, tail: speech.classifier.tail, train, views: varied, classes: speech.classes },
  );
  return { weights: fitted.weights, train, ms: performance.now() - start };
}
