// Makes models/spoken-digits: a small depthwise-separable network behind a log-mel front end, trained from nothing by this project's own
// compiler on the US speakers of the Free Spoken Digit Dataset and on synthetic voices, written as int8 with its statistics and golden features.
// Prints what it reached. Runs again with the same result, and goes on after an interruption.
//
// usage: spoken-digits.mjs DATA [--noise DIR] [--out DIR] [--voices N] [--foreign SHARE] [--epochs N] [--work DIR] [--threads N]
// DATA: {digit}_{speaker}_{index}.wav at any rate; espeak-ng must be installed for the voices, flite adds its own where it is

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { toWav } from '../../agent/capture/pcm.ts';
import { proportion, topClasses } from '../../agent/learn/evaluate.ts';
import { quantizeStatically } from '../../agent/model/quantize-statically.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { logMelModel, speech8k } from '../../agent/onnx/made/log-mel.ts';
import { joinModels } from '../../agent/onnx/surgery/join.ts';
import { drawViews, preprocessCapture } from '../../agent/preprocess/capture-input.ts';
import { randomOf } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { openSession } from '../../agent/runtime/session.ts';
import { writeKnowledge } from './speech/knowledge.mjs';
import { drawMaps, frames, mels, varyMap } from './speech/maps.mjs';
import { digitsNetwork } from './speech/network.mjs';
import { readRecordings, readSounds } from './speech/recordings.mjs';
import { synthesise } from './speech/voices.mjs';
import { cosine, fit as train } from './training/fit.mjs';
import { freeze } from './training/freeze.mjs';

/** The only people that the model has heard; the rest of DATA is there to judge it. */
const speakers = ['jackson', 'theo'];
const viewsOf = { person: 12, voice: 2 };

const text = { type: 'string' };
const { values: wanted, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    noise: text,
    out: { ...text, default: 'models/spoken-digits' },
    voices: { ...text, default: '160' },
    foreign: { ...text, default: '0.5' },
    epochs: { ...text, default: '14' },
    work: text,
    threads: { ...text, default: '1' },
  },
});
const [data] = positionals;
if (data === undefined) {
  console.error('usage: spoken-digits.mjs DATA [--noise DIR] [--out DIR] …; see the top of this file');
  process.exit(64);
}
const threads = Number(wanted.threads);
const started = performance.now();
const say = (sentence) => console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${sentence}`);

const card = {
  name: 'spoken-digits',
  description: 'The digits 0 to 9, spoken in English by Americans; made to be adapted to other voices and accents.',
  licence: 'CC-BY-SA-4.0 (weights)',
  source: 'Trained on the speakers jackson and theo of the Free Spoken Digit Dataset, and on voices of espeak-ng and flite.',
  input: { kind: 'audio', sampleRate: speech8k.sampleRate, samples: speech8k.samples, level: 'none' },
  labels: Array.from({ length: 10 }, (_, digit) => String(digit)),
};

const people = readRecordings(data, { speakers }).filter(({ isTest }) => !isTest);
const { maps, labels, voices } = await trainingMaps();
say(`training on ${people.length} recordings and ${voices.length} synthetic ones, ${labels.length} maps in all`);
const width = mels * frames;
const network = digitsNetwork({ mels, frames, classes: 10, seed: 1 });
const { values } = await train({
  network,
  samples: {
    labels: Int32Array.from(labels),
    read(row, into) {
      for (let at = 0; at < width; at += 1) into[at] = maps[row * width + at] / 255;
    },
  },
  augment: varyMap,
  epochs: Number(wanted.epochs),
  batch: 32,
  chunk: 1024,
  schedule: cosine({ rate: 0.004 }),
  smoothing: 0.05,
  seed: 1,
  threads,
  checkpoint: wanted.work === undefined ? null : join(wanted.work, 'training.safetensors'),
  progress: ({ epoch, epochs, done, loss }) => done === 1 && say(`epoch ${epoch + 1} of ${epochs}: loss ${loss.toFixed(3)}`),
});

say('quantizing');
const float = freeze(network, values);
const calibration = await mapsOf(people.filter((_, index) => index % 6 === 0));
const { model: int8 } = await quantizeStatically(float, calibration, { biasCorrection: true, runtime: createRuntime({ threads }) });
const front = logMelModel(speech8k);
const whole = { float: joinModels(front, float), int8: joinModels(front, int8) };
const bytes = encodeModel(whole.int8);

say('judging');
const judges = readRecordings(data).filter(({ isTest }) => isTest);
const scores = { float: await score(whole.float), int8: await score(whole.int8) };

say('writing');
mkdirSync(wanted.out, { recursive: true });
writeFileSync(join(wanted.out, 'model.onnx'), bytes);
writeFileSync(join(wanted.out, 'model.json'), `${JSON.stringify(card, null, 2)}\n`);
const knowledge = await writeKnowledge(wanted.out, whole.int8, card.input, {
  taught: [...people.map(({ path, digit }) => ({ path, label: digit })), ...remembered()],
  golden: judges.filter(({ speaker }) => speakers.includes(speaker)).map(({ path, digit }) => ({ path, label: digit })),
  classes: card.labels.length,
  runtime: createRuntime({ threads }),
});
const seconds = Math.round((performance.now() - started) / 1000);
console.log(
  JSON.stringify({ scores, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), ...knowledge, seconds }, null, 2),
);

/** Maps of all recordings and voices; kept in the work folder, because making them takes as long as half of the training. */
async function trainingMaps() {
  const random = randomOf(1);
  const kept = wanted.work === undefined ? null : join(wanted.work, `maps-${wanted.voices}-${wanted.foreign}`);
  if (kept !== null && existsSync(`${kept}.json`))
    return { maps: readFileSync(`${kept}.maps`), ...JSON.parse(readFileSync(`${kept}.json`)) };
  const count = Number(wanted.voices);
  const voices = count === 0 ? [] : synthesise({ count, foreignShare: Number(wanted.foreign), seed: 7 });
  const noises = wanted.noise === undefined ? [] : readSounds(wanted.noise);
  say(`${voices.length} words synthesised`);
  const drawn = [
    await drawMaps(people, viewsOf.person, random, { noises }),
    voices.length === 0 ? new Uint8Array() : await drawMaps(voices, viewsOf.voice, random, { noises }),
  ];
  const labels = [
    ...people.flatMap(({ digit }) => Array(viewsOf.person).fill(digit)),
    ...voices.flatMap(({ digit }) => Array(viewsOf.voice).fill(digit)),
  ];
  const made = { labels, voices: voices.map(({ speaker }) => speaker) };
  if (kept !== null) {
    mkdirSync(wanted.work, { recursive: true });
    writeFileSync(`${kept}.maps`, Buffer.concat(drawn));
    writeFileSync(`${kept}.json`, JSON.stringify(made));
  }
  return { maps: Buffer.concat(drawn), ...made };
}

/** Some of the synthetic speakers: without them an adapted head forgets voices like theirs, which the network knows. */
function remembered() {
  const voices = synthesise({ count: Math.min(60, Number(wanted.voices)), foreignShare: Number(wanted.foreign), seed: 7 });
  return voices.map(({ samples, digit }) => ({ bytes: toWav(samples, speech8k.sampleRate), label: digit }));
}

/** What the network sees of recordings as they are and as they might have been. */
async function mapsOf(recordings) {
  await using session = await openSession(encodeModel(logMelModel(speech8k)), { label: 'the front end', threads });
  const inputs = [];
  for (const { path } of recordings) {
    const bytes = readFileSync(path);
    const waveforms = [(await preprocessCapture(bytes, card.input)).data, ...(await drawViews(bytes, card.input, 1))];
    for (const waveform of waveforms)
      inputs.push((await session.run({ waveform: { dtype: 'float32', dims: [1, waveform.length], data: waveform } })).mel);
  }
  return inputs;
}

/** Official test recordings of each speaker, as the product would hear them. */
async function score(model) {
  await using session = await openSession(encodeModel(model), { label: 'the model', threads: 1 });
  const right = new Map();
  for (const { path, digit, speaker } of judges) {
    const { data } = await preprocessCapture(readFileSync(path), card.input);
    const [logits] = Object.values(await session.run({ waveform: { dtype: 'float32', dims: [1, data.length], data } }));
    right.set(speaker, [...(right.get(speaker) ?? []), topClasses(logits.data, 10)[0] === digit]);
  }
  return Object.fromEntries([...right].map(([speaker, hits]) => [speaker, proportion(hits.filter(Boolean).length, hits.length)]));
}
