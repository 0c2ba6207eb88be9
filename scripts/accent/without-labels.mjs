// Learning with few labels, or none: which utterances are worth asking about (against choosing at random), labels that the model gives itself,
// and centring on a new speaker. The pool is everything of a speaker that is not the test.

import { readHead, writeHead } from '../../agent/learn/head-rows.ts';
import { agreedLabels } from '../../agent/learn/pseudo-labels.ts';
import { recentred } from '../../agent/learn/ridge/recentre.ts';
import { meanOfStatistics } from '../../agent/learn/ridge/statistics.ts';
import { mostUncertain } from '../../agent/learn/uncertainty.ts';
import { toProbabilities } from '../../agent/model/classify.ts';
import { randomOf, shuffled } from '../../agent/random.ts';
import { outcomeOf, shown, table } from './outcome.mjs';
import { fitRidge, usual } from './ridge-task.mjs';
import { hitsOf, logitsOf } from './speech.mjs';

/** Unlabelled utterances that a device has heard when it asks. */
const heard = 100;

/** Questions are asked in rounds of ten; after each, the model learns from all answers so far. */
export async function questions(options) {
  const speech = await options.speech();
  const budgets = options.quick ? [10, 30] : [10, 20, 30, 50];
  const results = [];
  for (const way of ['random', 'margin', 'confidence', 'entropy']) {
    const draws = budgets.map(() => []);
    for (let draw = 0; draw < options.draws; draw += 1) {
      const hits = budgets.map(() => []);
      for (const speaker of speech.speakers) {
        const pool = shuffled(speech.pool(speaker), randomOf(draw + 31)).slice(0, heard);
        const test = await speech.features(speech.test(speaker));
        let [weights, asked] = [null, []];
        for (let answers = 10; answers <= budgets.at(-1); answers += 10) {
          const open = pool.filter((each) => !asked.includes(each));
          const rows =
            way === 'random'
              ? [...open.keys()].slice(0, 10)
              : mostUncertain(await probabilities(speech, weights, open), speech.classes, way, 10);
          asked = [...asked, ...rows.map((row) => open[row])];
          weights = await fitRidge(speech, asked, usual);
          const at = budgets.indexOf(answers);
          if (at >= 0) hits[at].push(...(await hitsOf(speech, weights, test)));
        }
      }
      for (const [at, each] of hits.entries()) draws[at].push(each);
    }
    results.push({ way, after: draws.map(outcomeOf) });
    options.progress(`questions by ${way}: ${results.at(-1).after.map(shown).join('  ')}`);
  }
  const rows = results.map(({ way, after }) => [way, ...after.map(shown)]);
  return {
    results,
    text: table(`Which of ${heard} utterances to ask about`, ['chosen by', ...budgets.map((budget) => `${budget} answers`)], rows),
  };
}

export async function unlabelled(options) {
  const speech = await options.speech();
  const head = readHead(speech.classifier.tail);
  const base = meanOfStatistics(speech.knowledge.statistics);
  const ways = {
    'the base model': async () => null,
    'its own labels (all copies agree)': async (pool) => learnAgreed(speech, pool, [], null),
    'centred on the speaker': async (pool) => writeHead(speech.classifier.tail, recentred(head, await speech.features(pool), base, 1)),
    'centred half way': async (pool) => writeHead(speech.classifier.tail, recentred(head, await speech.features(pool), base, 0.5)),
    '1 label a digit': async (_pool, labelled) => fitRidge(speech, labelled, usual),
    '1 label a digit, then its own labels': async (pool, labelled) =>
      learnAgreed(speech, pool, labelled, await fitRidge(speech, labelled, usual)),
  };
  const known = await speech.features(speech.known.flatMap((each) => speech.test(each)));
  const results = [];
  for (const [way, learn] of Object.entries(ways)) {
    const [own, kept] = [[], []];
    for (let draw = 0; draw < options.draws; draw += 1) {
      const hits = [];
      for (const speaker of speech.speakers) {
        const labelled = speech.draw(speaker, 1, draw);
        const pool = shuffled(speech.pool(speaker), randomOf(draw + 31))
          .filter((each) => !labelled.includes(each))
          .slice(0, heard);
        const weights = await learn(pool, labelled);
        hits.push(...(await hitsOf(speech, weights, await speech.features(speech.test(speaker)))));
        kept.push(await hitsOf(speech, weights, known));
      }
      own.push(hits);
    }
    results.push({ way, own: outcomeOf(own), known: outcomeOf(kept) });
    options.progress(`${way}: ${shown(results.at(-1).own)}`);
  }
  const rows = results.map(({ way, own, known: kept }) => [way, shown(own), kept.value.toFixed(3)]);
  return { results, text: table(`${heard} utterances without labels`, ['learned from', 'after', 'base speakers'], rows) };
}

/** A person's labels, and those on which the model agrees with itself. */
async function learnAgreed(speech, pool, labelled, weights) {
  const views = [await speech.features(pool), ...(await speech.views(pool))];
  const given = [];
  for (const view of views) given.push(await probabilitiesOf(speech, weights, view));
  const { rows, labels } = agreedLabels(given, speech.classes, { confidence: 0.8, perClass: 5 });
  if (rows.length + labelled.length === 0) return weights;
  const own = rows.map((row) => pool[row]);
  return fitRidge(speech, [...labelled, ...own], { ...usual, labels: [...labelled.map(({ digit }) => digit), ...labels] });
}

async function probabilities(speech, weights, list) {
  return probabilitiesOf(speech, weights, await speech.features(list));
}

async function probabilitiesOf(speech, weights, set) {
  const logits = await logitsOf(speech, weights, set);
  const { activation } = speech.classifier.tail;
  return Float32Array.from(
    Array.from({ length: set.count }, (_, row) =>
      Array.from(toProbabilities(logits.slice(row * speech.classes, (row + 1) * speech.classes), activation)),
    ).flat(),
  );
}
