// A second speaker after the first: whether the first is kept, and whether taking one out again leaves exactly what never had heard them.

import { gatherStatistics, oneHot } from '../../agent/learn/ridge/gather.ts';
import { subtractStatistics } from '../../agent/learn/ridge/statistics.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { outcomeOf, shown, table } from './outcome.mjs';
import { fitRidge, joined, usual } from './ridge-task.mjs';
import { hitsOf } from './speech.mjs';

export async function secondAccent(options) {
  const speech = await options.speech();
  const pairs = speech.speakers.flatMap((first) => speech.speakers.filter((each) => each !== first).map((second) => [first, second]));
  if (pairs.length === 0) return { results: [], text: '\nA second accent needs two speakers that the model has not heard.' };
  const known = await speech.features(speech.known.flatMap((each) => speech.test(each)));
  const stages = ['base model', 'after the first', 'after the second too', 'the first forgotten', 'only ever the second'];
  const drawn = stages.map(() => ({ first: [], second: [], known: [] }));
  let largestDifference = 0;
  let differing = 0;
  for (const [first, second] of pairs) {
    for (let draw = 0; draw < options.draws; draw += 1) {
      const [own, other] = [speech.draw(first, 5, draw), speech.draw(second, 5, draw)];
      const weights = [null];
      for (const chosen of [own, [...own, ...other], remaining([...own, ...other], own), other])
        weights.push(await fitRidge(speech, chosen, usual));
      differing += differences(weights[3], weights[4]);
      largestDifference = Math.max(largestDifference, await sumDifference(speech, own, other));
      for (const [stage, each] of weights.entries()) {
        drawn[stage].first.push(await hitsOf(speech, each, await speech.features(speech.test(first))));
        drawn[stage].second.push(await hitsOf(speech, each, await speech.features(speech.test(second))));
        drawn[stage].known.push(await hitsOf(speech, each, known));
      }
    }
  }
  const results = stages.map((stage, at) => ({
    stage,
    first: outcomeOf(drawn[at].first),
    second: outcomeOf(drawn[at].second),
    known: outcomeOf(drawn[at].known),
  }));
  const rows = results.map(({ stage, first, second, known: base }) => [stage, shown(first), shown(second), base.value.toFixed(3)]);
  const unlearning = `Weights that differ between the last two rows: ${differing}. Sums with the first subtracted against sums without: ${largestDifference.toExponential(1)} apart, relative to the largest.`;
  const columns = ['stage', 'first speaker', 'second speaker', 'base speakers'];
  return {
    results: { stages: results, differing, largestDifference },
    text: `${table('A second accent, 5 utterances a digit each', columns, rows)}\n\n${unlearning}`,
  };
}

/** As the store forgets: by recording. */
function remaining(all, gone) {
  const paths = new Set(gone.map(({ path }) => path));
  return all.filter(({ path }) => !paths.has(path));
}

function differences(a, b) {
  let count = 0;
  for (const [name, { data }] of a) for (const [at, value] of data.entries()) if (!Object.is(value, b.get(name).data[at])) count += 1;
  return count;
}

/** Sums over both less those of the first, against sums over the second alone: float32 rounding is what is left. */
async function sumDifference(speech, own, other) {
  const sums = async (list) => {
    const set = joined([await speech.features(list)]);
    return gatherStatistics(set, oneHot(set.labels, speech.classes), speech.classes, createRuntime());
  };
  const left = subtractStatistics(await sums([...own, ...other]), await sums(own)).gram;
  const { gram } = await sums(other);
  const largest = gram.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return gram.reduce((most, value, at) => Math.max(most, Math.abs(value - left[at])), 0) / largest;
}
