// Makes models/motion: synthetic recordings of a six-axis sensor → a network trained from nothing by this project's compiler → int8 → statistics,
// golden features, card. Usage: motion.mjs [--out DIR] [--persons N] [--epochs N]; or motion.mjs --write DIR: recordings as CSV, a folder a class.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluate } from '../../agent/learn/evaluate.ts';
import { quantizeStatically } from '../../agent/model/quantize-statically.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { motionNetwork } from './motion/network.mjs';
import { classes, record, remount, synthesise, toCsv, windowInput } from './motion/recordings.mjs';
import { cosine, fit } from './training/fit.mjs';
import { freeze, predict } from './training/freeze.mjs';
import { writeKnowledge } from './training/knowledge.mjs';
import { speedOf } from './training/speed.mjs';

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'models/motion' },
    write: { type: 'string' },
    persons: { type: 'string', default: '60' },
    each: { type: 'string', default: '10' },
    epochs: { type: 'string', default: '25' },
    seed: { type: 'string', default: '1' },
    checkpoint: { type: 'string' },
  },
});
const people = (from, count) => Array.from({ length: count }, (_, at) => from + at);
const each = Number(options.each);

if (options.write !== undefined) {
  // People whom training never met.
  for (const name of classes) {
    mkdirSync(join(options.write, name), { recursive: true });
    for (const person of people(3000, Number(options.persons)))
      for (let at = 0; at < each; at += 1) writeFileSync(join(options.write, name, `${person}-${at}.csv`), toCsv(record(name, person, at)));
  }
  process.exit(0);
}

console.log(`recording ${options.persons} people for training, 20 others for testing`);
const train = synthesise(people(1, Number(options.persons)), each);
const test = synthesise(people(1001, 20), each);

const network = motionNetwork(Number(options.seed), classes.length);
const started = performance.now();
const { values, losses } = await fit({
  network,
  samples: train,
  augment: remount,
  epochs: Number(options.epochs),
  batch: 64,
  schedule: cosine({ rate: 4e-3 }),
  seed: Number(options.seed),
  smoothing: 0.05,
  checkpoint: options.checkpoint ?? null,
  progress: ({ epoch, done, loss }) => done === 1 && console.log(`epoch ${epoch + 1}: loss ${loss.toFixed(4)}`),
});
const seconds = (performance.now() - started) / 1000;

const float = freeze(network, values);
const inputs = Array.from({ length: 200 }, (_, at) => {
  const data = new Float32Array(train.width);
  train.read(Math.floor(((at + 0.5) * train.labels.length) / 200), data);
  return { dtype: 'float32', dims: [1, ...network.sample], data };
});
const { model } = await quantizeStatically(float, inputs, { biasCorrection: true });
const judge = async (net) => evaluate({ logits: await predict(net, test), labels: test.labels, classes: classes.length });
const scores = { float: await judge(float), int8: await judge(model) };

const card = {
  name: 'motion',
  description: 'Seven kinds of movement from two seconds of a six-axis sensor. Trained on synthetic recordings; made to be adapted.',
  licence: 'Apache-2.0 (weights)',
  source: 'scripts/models/motion.mjs',
  input: windowInput,
  labels: classes,
};
const bytes = encodeModel(model);
mkdirSync(options.out, { recursive: true });
writeFileSync(join(options.out, 'model.onnx'), bytes);
writeFileSync(join(options.out, 'model.json'), `${JSON.stringify(card, null, 2)}\n`);
await writeKnowledge(options.out, model, { learned: train, golden: test, classes: classes.length, stride: 7, shown: 20 });
console.log(classes.map((name, at) => `${name} ${scores.int8.recall[at].toFixed(3)}`).join('  '));
console.log(
  JSON.stringify({
    float: scores.float.accuracy,
    int8: scores.int8.accuracy,
    loss: losses.at(-1),
    trainingSeconds: seconds,
    millisecondsAWindow: await speedOf(bytes, inputs[0]),
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }),
);
