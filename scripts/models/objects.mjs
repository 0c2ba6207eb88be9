// Makes models/objects: a small picture classifier without gradients. Filters are learned from patches (whitened, spherical k-means: Coates and
// Ng 2012), pooled over quadrants, and read out by the closed-form learner; then everything is written as int8 QDQ with its statistics and
// golden features. Runs again with the same result: usage: objects.mjs DATA [OUT] (DATA/train/<class>, DATA/test/<class>, 32×32 pictures)
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { closedForm } from '../../agent/learn/closed-form.ts';
import { proportion } from '../../agent/learn/evaluate.ts';
import { gatherStatistics, oneHot } from '../../agent/learn/gather.ts';
import { openTail } from '../../agent/model/classify.ts';
import { createEmbedder } from '../../agent/model/embed.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { encodeModel } from '../../agent/onnx/encode.ts';
import { encodeSafeTensors } from '../../agent/onnx/safetensors.ts';
import { preprocessImage } from '../../agent/preprocess/image.ts';
import { patchFilters } from './patch-filters.mjs';
import { quantizedNet } from './quantized-net.mjs';

const [data, out = 'models/objects'] = process.argv.slice(2);
if (data === undefined) {
  console.error('usage: objects.mjs DATA [OUT]');
  process.exit(64);
}
const edge = 32;
const patch = 6;
const filters = 40;
/** What a filter must answer at least before it counts (a soft threshold). */
const threshold = 0.25;
const goldenPerClass = 20;

const classes = readdirSync(join(data, 'train')).sort();
const card = {
  name: 'objects',
  description: 'Ten kinds of things and animals in small photographs; made to be adapted.',
  licence: 'Apache-2.0 (weights)',
  input: {
    kind: 'image',
    width: edge,
    height: edge,
    channels: 'rgb',
    layout: 'nchw',
    range: [0, 1],
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.2023, 0.1994, 0.201],
    resize: 'cover',
    crop: 1,
    interpolation: 'linear',
    background: [0, 0, 0],
  },
  labels: classes,
};

async function pictures(split) {
  const rows = [];
  for (const [label, name] of classes.entries()) {
    for (const file of readdirSync(join(data, split, name)).sort()) {
      const { data: x } = await preprocessImage(readFileSync(join(data, split, name, file)), card.input);
      rows.push({ x, label });
    }
  }
  return rows;
}

console.log('reading pictures');
const train = await pictures('train');
const test = await pictures('test');
console.log(`learning ${filters} filters from patches of ${train.length} pictures`);
const bank = await patchFilters(
  train.map(({ x }) => x),
  { edge, patch, filters, threshold, patches: 60_000, rounds: 12, seed: 1 },
);
const net = await quantizedNet(bank, {
  edge,
  patch,
  classes: classes.length,
  samples: train.filter((_, index) => index % 50 === 0).map(({ x }) => x),
});

async function features(classifier, rows) {
  await using embedder = await createEmbedder(classifier, 2);
  const { width } = classifier.features;
  const all = new Float32Array(rows.length * width);
  for (const [row, { x }] of rows.entries()) all.set(await embedder.embed(x), row * width);
  return {
    features: all,
    count: rows.length,
    width,
    labels: Int32Array.from(rows, ({ label }) => label),
    groups: Int32Array.from(rows.keys()),
  };
}

console.log('fitting the head');
const blank = await openClassifier(net.model(null), { cut: { kind: 'layers', layers: 1 }, threads: 2 });
const set = await features(blank, train);
const fitted = await closedForm.fit({
  tail: blank.tail,
  train: set,
  classes: classes.length,
  prior: null,
  personalWeight: 1,
  seed: 1,
  threads: 2,
});
const head = [...fitted.weights.values()];
const finished = net.model({ weight: head.find(({ dims }) => dims.length === 2), bias: head.find(({ dims }) => dims.length === 1) });
const bytes = encodeModel(finished);
const classifier = await openClassifier(finished, { cut: { kind: 'layers', layers: 1 }, threads: 2 });
const judged = await features(classifier, test);
await using tail = await openTail(finished, {
  cut: classifier.cut.tensor,
  features: classifier.features,
  activation: classifier.tail.activation,
  threads: 2,
});
let right = 0;
for (let row = 0; row < judged.count; row += 1) {
  const { output } = await tail.classify(judged.features.slice(row * judged.width, (row + 1) * judged.width));
  if (output.indexOf(Math.max(...output)) === judged.labels[row]) right += 1;
}
const score = proportion(right, judged.count);

console.log('writing');
mkdirSync(out, { recursive: true });
const statistics = await gatherStatistics(set, oneHot(set.labels, classes.length), classes.length, 2);
const float = (dims, content) => ({ dtype: 'float32', dims, data: content });
const about = { backbone: classifier.backboneHash, cut: classifier.cut.tensor };
const side = set.width + 1;
writeFileSync(join(out, 'model.onnx'), bytes);
writeFileSync(join(out, 'model.json'), `${JSON.stringify(card, null, 2)}\n`);
writeFileSync(
  join(out, 'statistics.safetensors'),
  encodeSafeTensors({
    tensors: new Map([
      ['gram', float([side, side], statistics.gram)],
      ['moment', float([side, classes.length], statistics.moment)],
    ]),
    metadata: { ...about, weight: String(statistics.weight) },
  }),
);
const golden = Array.from(judged.labels.keys()).filter((row) => row % (judged.count / classes.length) < goldenPerClass);
const goldenFeatures = Float32Array.from(
  golden.flatMap((row) => Array.from(judged.features.subarray(row * judged.width, (row + 1) * judged.width))),
);
writeFileSync(
  join(out, 'golden.safetensors'),
  encodeSafeTensors({
    tensors: new Map([
      ['features', float([golden.length, judged.width], goldenFeatures)],
      ['labels', { dtype: 'int32', dims: [golden.length], data: Int32Array.from(golden, (row) => judged.labels[row]) }],
    ]),
    metadata: about,
  }),
);
console.log(
  JSON.stringify({ accuracy: score, features: set.width, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }),
);
