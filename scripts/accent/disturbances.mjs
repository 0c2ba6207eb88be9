// What noise and wrong labels do, with 5 utterances a digit.
import { randomOf, shuffled } from '../../agent/random.ts';
import { learn } from './few-shot.mjs';
import { outcomeOf, shown, table } from './outcome.mjs';
import { fitRidge, usual } from './ridge-task.mjs';
import { hitsOf } from './speech.mjs';

export async function noise(options) {
  const speech = await options.speech();
  const levels = options.quick ? [null, 10] : [null, 20, 10, 5, 0];
  const results = [];
  for (const noiseDb of levels) {
    const [before, clean, same] = [[], [], []];
    for (let draw = 0; draw < options.draws; draw += 1) {
      const hits = { before: [], clean: [], same: [] };
      for (const speaker of speech.speakers) {
        const test = await speech.features(speech.test(speaker), { noiseDb });
        const chosen = speech.draw(speaker, 5, draw);
        hits.before.push(...(await hitsOf(speech, null, test)));
        hits.clean.push(...(await hitsOf(speech, await fitRidge(speech, chosen, usual), test)));
        hits.same.push(...(await hitsOf(speech, await fitRidge(speech, chosen, { ...usual, noiseDb }), test)));
      }
      before.push(hits.before);
      clean.push(hits.clean);
      same.push(hits.same);
    }
    results.push({ noiseDb, before: outcomeOf(before), clean: outcomeOf(clean), same: outcomeOf(same) });
    options.progress(`noise ${noiseDb}: ${shown(results.at(-1).clean)}`);
  }
  const rows = results.map(({ noiseDb, before, clean, same }) => [
    noiseDb === null ? 'none' : `${noiseDb} dB below`,
    shown(before),
    shown(clean),
    shown(same),
  ]);
  return {
    results,
    text: table(
      'White noise on the test recordings, 5 utterances a digit',
      ['noise', 'before', 'learned without noise', 'learned in it'],
      rows,
    ),
  };
}

export async function wrongLabels(options) {
  const speech = await options.speech();
  const results = [];
  for (const share of [0, 0.05, 0.1, 0.2]) {
    for (const count of options.quick ? [5] : [5, 20]) {
      const draws = [];
      for (let draw = 0; draw < options.draws; draw += 1) {
        const hits = [];
        for (const speaker of speech.speakers) {
          const chosen = speech.draw(speaker, count, draw);
          const { weights } = await learn(speech, chosen, 'closed-form', { labels: mislabelled(chosen, share, draw) });
          hits.push(...(await hitsOf(speech, weights, await speech.features(speech.test(speaker)))));
        }
        draws.push(hits);
      }
      results.push({ share, utterances: count, after: outcomeOf(draws) });
      options.progress(`${100 * share} % wrong, ${count} a digit: ${shown(results.at(-1).after)}`);
    }
  }
  const rows = results.map(({ share, utterances, after }) => [`${100 * share} %`, utterances, shown(after)]);
  return { results, text: table('Labels that are wrong', ['wrong', 'utterances a digit', 'after'], rows) };
}

function mislabelled(chosen, share, seed) {
  const random = randomOf(seed + 17);
  const wrong = new Set(shuffled([...chosen.keys()], random).slice(0, Math.round(share * chosen.length)));
  return chosen.map(({ digit }, row) => (wrong.has(row) ? (digit + 1 + Math.floor(random() * 9)) % 10 : digit));
}
