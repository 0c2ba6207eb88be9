// What each choice of the quantizer is worth, on a float model and photographs: accuracy (where folders are named like classes), agreement with
// the float model, worst layer. Usage: quantization-study.mjs MODEL DATA TEST [SAMPLES [TESTS]]; MODEL has its card beside it.

import { readPictures } from '../agent/adapt/pictures.ts';
import { requireCard } from '../agent/config/card.ts';
import { proportion, topClasses } from '../agent/learn/evaluate.ts';
import { loadModel } from '../agent/model/load.ts';
import { openPart } from '../agent/model/part.ts';
import { quantizeStatically } from '../agent/model/quantize-statically.ts';
import { inputShape } from '../agent/preprocess/capture-input.ts';
import { listCaptures, takeEvenly } from '../agent/quantize/captures.ts';
import { compareLayers } from '../agent/quantize/layer-fidelity.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';

const [file, data, test, samples = '200', tests = '1000'] = process.argv.slice(2);
if (test === undefined) {
  console.error('usage: quantization-study.mjs MODEL DATA TEST [SAMPLES [TESTS]]');
  process.exit(64);
}
const { model } = loadModel(file);
const { card } = await requireCard(file);
const dims = inputShape(card.input);

async function read(folder, count) {
  const { taken } = takeEvenly(await listCaptures(folder, card.labels), Number(count));
  const inputs = [];
  const labels = [];
  await readPictures(taken, { input: card.input, what: folder }, async ({ data: values }, { label }) => {
    inputs.push({ dtype: 'float32', dims, data: values });
    labels.push(label);
  });
  return { inputs, labels };
}

async function choices(net, inputs) {
  await using part = await openPart(createRuntime(), net, { label: 'a model' });
  const [input] = part.session.inputNames;
  const [output] = part.session.outputNames;
  const chosen = [];
  for (const x of inputs) {
    const scores = (await part.session.run({ [input]: x }))[output].data;
    chosen.push(topClasses(scores, scores.length)[0]);
  }
  return chosen;
}

const calibration = await read(data, samples);
const judging = await read(test, tests);
const float = await choices(model, judging.inputs);
const isLabelled = judging.labels.every((label) => label >= 0);
const say = ({ value, low, high }) => `${(100 * value).toFixed(1)} % (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)})`;
const right = (chosen) =>
  isLabelled ? say(proportion(chosen.filter((guess, at) => guess === judging.labels[at]).length, chosen.length)) : '–';
console.log(`${judging.inputs.length} test captures, ${calibration.inputs.length} to calibrate; float accuracy ${right(float)}`);

const variants = [
  ['min-max', { ranges: { kind: 'minmax' } }],
  ['min-max, biases corrected', { ranges: { kind: 'minmax' }, biasCorrection: true }],
  ['99.99 %, biases corrected', { ranges: { kind: 'percentile', percent: 99.99 }, biasCorrection: true }],
  ['99.9 %, biases corrected', { ranges: { kind: 'percentile', percent: 99.9 }, biasCorrection: true }],
  ['entropy, biases corrected', { ranges: { kind: 'entropy' }, biasCorrection: true }],
  ['int8 activations, biases corrected', { activations: 'int8', biasCorrection: true }],
  ['one scale a weight', { perChannel: false }],
  ['one scale a weight, biases corrected', { perChannel: false, biasCorrection: true }],
  ['7-bit weights, biases corrected', { reduceRange: true, biasCorrection: true }],
];
console.log('| choice | accuracy | agrees with float | worst layer |\n| --- | --- | --- | --- |');
for (const [name, options] of variants) {
  const { model: integer, plan } = await quantizeStatically(model, calibration.inputs, options);
  const chosen = await choices(integer, judging.inputs);
  const [worst] = await compareLayers(plan, integer, calibration.inputs.slice(0, 8), createRuntime());
  const agreement = proportion(chosen.filter((guess, at) => guess === float[at]).length, chosen.length);
  console.log(`| ${name} | ${right(chosen)} | ${say(agreement)} | ${worst.decibels.toFixed(1)} dB |`);
}
