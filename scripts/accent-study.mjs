// How a model of spoken digits learns an accent: the whole study on recordings of people, as tables with 95 % intervals over draws and test
// recordings. Learning is the product's own; test recordings are those with an index below 5, as the dataset wants it.
//
// usage: accent-study.mjs DATA [--model FILE] [--known jackson,theo] [--counts 1,2,5,10,20] [--draws N] [--parts NAMES] [--quick] [--json]
// DATA: {digit}_{speaker}_{index}.wav; --known: speakers that the model has heard, the others are judged; --quick: fewer draws and parts
import { parseArgs } from 'node:util';
import { ablations } from './accent/ablations.mjs';
import { noise, wrongLabels } from './accent/disturbances.mjs';
import { fewShot, gradients } from './accent/few-shot.mjs';
import { secondAccent } from './accent/second-accent.mjs';
import { openSpeech } from './accent/speech.mjs';
import { speed } from './accent/speed.mjs';
import { questions, unlabelled } from './accent/without-labels.mjs';

const parts = { fewShot, questions, secondAccent, ablations, wrongLabels, noise, unlabelled, speed, gradients };
const text = { type: 'string' };
const { values: wanted, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { ...text, default: 'models/spoken-digits/model.onnx' },
    known: { ...text, default: 'jackson,theo' },
    counts: { ...text, default: '1,2,5,10,20' },
    draws: text,
    parts: { ...text, default: Object.keys(parts).join() },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const [data] = positionals;
const chosen = wanted.parts.split(',');
const counts = (wanted.quick ? '1,5' : wanted.counts).split(',').map(Number);
const draws = Number(wanted.draws ?? (wanted.quick ? 2 : 5));
if (
  data === undefined ||
  chosen.some((part) => parts[part] === undefined) ||
  ![...counts, draws].every((n) => Number.isInteger(n) && n > 0)
) {
  console.error(`usage: accent-study.mjs DATA [--parts ${Object.keys(parts)}] …; see the top of this file`);
  process.exit(64);
}
const started = performance.now();
const opened = new Map();
const place = { model: wanted.model, data, known: wanted.known.split(',') };
const options = {
  ...place,
  /** Recordings as features at the cut before so many layers; parts share them. */
  async speech(layers = 1) {
    if (!opened.has(layers)) opened.set(layers, await openSpeech({ ...place, layers }));
    return opened.get(layers);
  },
  counts,
  draws,
  quick: wanted.quick,
  progress: (sentence) => console.error(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${sentence}`),
};
const all = {};
for (const part of chosen) {
  const { results, text: shown } = await parts[part](options);
  all[part] = results;
  if (!wanted.json) console.log(shown);
}
if (wanted.json) console.log(JSON.stringify({ draws, known: options.known, ...all }, null, 2));
for (const speech of opened.values()) await speech.close();
