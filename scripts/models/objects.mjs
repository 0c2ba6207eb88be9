// Makes models/objects: CIFAR-10's photographs → a convolutional network trained from nothing by this project's compiler → int8 → statistics,
// golden features, card. usage: objects.mjs DATA [--out DIR] [--epochs N] [--checkpoint FILE] (DATA/train/<class>, DATA/test/<class>, 32×32)
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { adamW } from '../../agent/autodiff/optimizers.ts';
import { evaluate } from '../../agent/learn/evaluate.ts';
import { quantizeStatically } from '../../agent/model/quantize-statically.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { objectsNetwork, pictureInput } from './objects-network.mjs';
import { cosine, fit } from './training/fit.mjs';
import { freeze, predict } from './training/freeze.mjs';
import { writeKnowledge } from './training/knowledge.mjs';
import { mirrorAndMove, readPictures } from './training/pictures.mjs';
import { speedOf } from './training/speed.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: 'models/objects' },
    epochs: { type: 'string', default: '28' },
    checkpoint: { type: 'string' },
  },
});
const [data] = positionals;
if (data === undefined) {
  console.error('usage: objects.mjs DATA [--out DIR] [--epochs N] [--checkpoint FILE]');
  process.exit(64);
}
const seed = 1;
/** Photographs that the ranges of activations are measured on. */
const calibrated = 500;

console.log('reading photographs');
const train = await readPictures(join(data, 'train'), pictureInput);
const test = await readPictures(join(data, 'test'), pictureInput);
const classes = train.classes.length;

const network = objectsNetwork(seed, classes);
const started = performance.now();
const { values, losses } = await fit({
  network,
  samples: train,
  augment: mirrorAndMove(network.sample),
  epochs: Number(options.epochs),
  batch: 64,
  schedule: cosine({ rate: 0.004 }),
  optimizer: { ...adamW, decay: 0.05 },
  seed,
  checkpoint: options.checkpoint ?? null,
  progress: ({ epoch, done, loss }) => done === 1 && console.log(`epoch ${epoch + 1}: loss ${loss.toFixed(3)}`),
});
const seconds = (performance.now() - started) / 1000;

const float = freeze(network, values);
const inputs = Array.from({ length: calibrated }, (_, at) => {
  const picture = new Float32Array(train.width);
  train.read(Math.floor(((at + 0.5) * train.labels.length) / calibrated), picture);
  return { dtype: 'float32', dims: [1, ...network.sample], data: picture };
});
const { model } = await quantizeStatically(float, inputs, { biasCorrection: true });
const judge = async (net) => evaluate({ logits: await predict(net, test), labels: test.labels, classes });
const scores = { float: await judge(float), int8: await judge(model) };

const card = {
  name: 'objects',
  description: 'Ten kinds of things and animals in small photographs; made to be adapted.',
  licence: 'Apache-2.0 (weights)',
  input: pictureInput,
  labels: train.classes,
};
const bytes = encodeModel(model);
mkdirSync(options.out, { recursive: true });
writeFileSync(join(options.out, 'model.onnx'), bytes);
writeFileSync(join(options.out, 'model.json'), `${JSON.stringify(card, null, 2)}\n`);
await writeKnowledge(options.out, model, { learned: train, golden: test, classes, stride: 10, shown: 20, inputs: 'pictures' });
console.log(train.classes.map((name, at) => `${name} ${scores.int8.recall[at].toFixed(3)}`).join('  '));
console.log(
  JSON.stringify({
    float: scores.float.accuracy,
    int8: scores.int8.accuracy,
    loss: losses.at(-1),
    trainingSeconds: seconds,
    millisecondsAPicture: await speedOf(bytes, inputs[0]),
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }),
);
