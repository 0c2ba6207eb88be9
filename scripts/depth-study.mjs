// What training several layers brings against the last one alone, and what writing back to 8 bits costs, on folders of photographs: draws of
// training pictures, one test set. Every cell is the written 8-bit tail on the test pictures unless it says float.
// usage: depth-study.mjs MODEL --train DIR --test DIR [--shift none|inverted|colours] [--per-class 100] [--layers 1,2,3,4,5,6] [--draws 3]
//          [--quantization after,aware] [--training key=value …] [--test-per-class 200] [--threads 1] [--json FILE]

import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hitsOfTail } from '../agent/adapt/judge-candidate.ts';
import { readPictures } from '../agent/adapt/pictures.ts';
import { requireCard } from '../agent/config/card.ts';
import { parseGradientSettings } from '../agent/config/gradient-schema.ts';
import { proportion } from '../agent/learn/evaluate.ts';
import { gradient } from '../agent/learn/gradient/gradient.ts';
import { closedForm } from '../agent/learn/ridge/closed-form.ts';
import { takeRows } from '../agent/learn/splits.ts';
import { createEmbedder } from '../agent/model/embed.ts';
import { loadModel } from '../agent/model/load.ts';
import { openClassifier } from '../agent/model/open.ts';
import { openPart } from '../agent/model/part.ts';
import { writeBack } from '../agent/model/write-back.ts';
import { withClasses } from '../agent/onnx/surgery/classes.ts';
import { withWeights } from '../agent/onnx/weights.ts';
import { inputShape } from '../agent/preprocess/capture-input.ts';
import { randomOf } from '../agent/random.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    train: { type: 'string' },
    test: { type: 'string' },
    shift: { type: 'string', default: 'none' },
    'per-class': { type: 'string', default: '100' },
    'test-per-class': { type: 'string', default: '200' },
    layers: { type: 'string', default: '1,2,3,4,5,6' },
    draws: { type: 'string', default: '3' },
    quantization: { type: 'string', default: 'after' },
    training: { type: 'string', multiple: true, default: [] },
    threads: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const [modelPath] = positionals;
if (modelPath === undefined || values.train === undefined || values.test === undefined) {
  console.error('usage: depth-study.mjs MODEL --train DIR --test DIR [--shift none|inverted|colours] …');
  process.exit(64);
}
const runtime = createRuntime({ threads: Number(values.threads) });
const perClass = Number(values['per-class']);
const draws = Number(values.draws);
const modes = values.quantization.split(',');
const { model } = loadModel(modelPath);
const { card } = await requireCard(modelPath, { shape: { input: [] } });
const names = readdirSync(values.train).sort();
/** The model's own classes where the folders have their names, else new ones. */
const isOwn = names.every((name) => card.labels?.includes(name));
const labels = isOwn ? card.labels : names;
const pool = files(values.train, perClass * draws);
const judges = files(values.test, Number(values['test-per-class']));

const rows = [];
for (const layers of values.layers.split(',').map(Number)) {
  const classifier = await openClassifier(model, { cut: { kind: 'layers', layers }, runtime, inputShape: inputShape(card.input) });
  const tail = isOwn
    ? classifier.tail
    : withClasses(
        classifier.tail,
        labels.map(() => null),
      );
  const [train, test] = [await embed(classifier, pool), await embed(classifier, judges)];
  for (let draw = 0; draw < draws; draw += 1) {
    const chosen = pool.flatMap(({ draw: own }, row) => (own === draw ? [row] : []));
    const set = takeRows(train, chosen);
    const input = { tail, train: set, classes: labels.length, prior: null, personalWeight: 1, seed: draw + 1, runtime };
    const measured = async (name, fit) => {
      const started = performance.now();
      const fitted = await fit();
      const seconds = (performance.now() - started) / 1000;
      const samples = { ...set, shape: classifier.features.shape };
      const written = await writeBack(model, tail, fitted.weights, samples, { runtime, fixedScales: false, isAware: name === 'aware' });
      const int8 = await hitsOfTail(written, classifier, test, runtime);
      rows.push({
        layers: classifier.cut.layers.length,
        draw,
        name,
        seconds,
        int8,
        float: await floatHits(classifier, tail, fitted.weights, test),
        details: fitted.details,
      });
    };
    await measured('last', () => closedForm.fit(input));
    if (layers === 1) continue;
    for (const quantization of modes) {
      const settings = parseGradientSettings([`quantization=${quantization}`, ...values.training]);
      await measured(quantization, () => gradient.fit({ ...input, settings }));
    }
  }
  print(classifier.cut.layers.length);
}
if (values.json !== undefined) {
  const plain = rows.map(({ int8, float, ...row }) => ({ ...row, int8: share(int8), float: share(float) }));
  writeFileSync(values.json, JSON.stringify({ model: modelPath, ...values, test: judges.length, rows: plain }, null, 2));
}

function files(directory, count) {
  return names.flatMap((name) => {
    const random = randomOf(7);
    const all = readdirSync(join(directory, name)).sort();
    for (let at = all.length - 1; at > 0; at -= 1) {
      const other = Math.floor(random() * (at + 1));
      [all[at], all[other]] = [all[other], all[at]];
    }
    return all
      .slice(0, count)
      .map((file, at) => ({ path: join(directory, name, file), label: labels.indexOf(name), draw: Math.floor(at / perClass) }));
  });
}

async function embed(classifier, list) {
  await using embedder = await createEmbedder(classifier, runtime);
  const { width } = classifier.features;
  const features = new Float32Array(list.length * width);
  let row = 0;
  await readPictures(list, { input: card.input, what: '' }, async ({ data }) => {
    features.set(await embedder.embed(shifted(data)), row * width);
    row += 1;
  });
  return { features, width, count: list.length, labels: Int32Array.from(list, ({ label }) => label), groups: Int32Array.from(list.keys()) };
}

/** Another sensor: a negative, or colours that changed places. In units of the input, channel by channel. */
function shifted(data) {
  if (values.shift === 'none') return data;
  const { mean, std } = card.input;
  const size = data.length / 3;
  const raw = Float32Array.from(data, (value, at) => value * std[Math.floor(at / size)] + mean[Math.floor(at / size)]);
  const next = values.shift === 'inverted' ? raw.map((value) => 1 - value) : raw.map((_, at) => raw[(at + size) % raw.length]);
  return next.map((value, at) => (value - mean[Math.floor(at / size)]) / std[Math.floor(at / size)]);
}

async function floatHits(classifier, tail, weights, set) {
  await using part = await openPart(runtime, withWeights(tail, weights).model, { label: 'the float tail' });
  const right = [];
  for (let from = 0; from < set.count; from += 100) {
    const count = Math.min(100, set.count - from);
    const data = set.features.slice(from * set.width, (from + count) * set.width);
    const out = await part.session.run({ [tail.input]: { dtype: 'float32', dims: [count, ...classifier.features.shape.slice(1)], data } });
    const scores = out[tail.output].data;
    const classes = labels.length;
    for (let row = 0; row < count; row += 1) {
      const own = scores.subarray(row * classes, (row + 1) * classes);
      right.push(own.indexOf(Math.max(...own)) === set.labels[from + row]);
    }
  }
  return right;
}

function share(right) {
  return right.filter(Boolean).length / right.length;
}

/** One line a depth: means over draws; the difference to the last layer alone with its 95 % interval over test pictures. */
function print(layers) {
  const of = (name) => rows.filter((row) => row.layers === layers && row.name === name);
  const percent = (value) => (100 * value).toFixed(1);
  const mean = (list, key) => list.reduce((sum, row) => sum + share(row[key]), 0) / list.length;
  const last = of('last');
  const interval = proportion(Math.round(mean(last, 'int8') * judges.length), judges.length);
  const cells = [`layers ${layers}`, `last ${percent(mean(last, 'int8'))} (${percent(interval.low)}–${percent(interval.high)})`];
  for (const name of modes) {
    const own = of(name);
    if (own.length === 0) continue;
    // Mean over draws of (this right − last layer right) for every test picture, and its standard error over pictures.
    const each = judges.map(
      (_, at) => own.reduce((sum, row, draw) => sum + Number(row.int8[at]) - Number(last[draw].int8[at]), 0) / own.length,
    );
    const gain = each.reduce((sum, value) => sum + value, 0) / each.length;
    const error = Math.sqrt(each.reduce((sum, value) => sum + (value - gain) ** 2, 0) / (each.length - 1) / each.length);
    const signed = (value) => `${value < 0 ? '−' : '+'}${percent(Math.abs(value))}`;
    const seconds = own.reduce((sum, row) => sum + row.seconds, 0) / own.length;
    cells.push(
      `${name}: int8 ${percent(mean(own, 'int8'))}, float ${percent(mean(own, 'float'))}, gain ${signed(gain)} (${signed(gain - 1.96 * error)} to ${signed(gain + 1.96 * error)}), ${seconds.toFixed(1)} s`,
    );
  }
  if (layers === Number(values.layers.split(',')[0]))
    console.log(
      `${modelPath}, shift ${values.shift}: ${perClass} pictures a class to learn from, ${draws} draws; ${judges.length} test pictures`,
    );
  console.log(cells.join('   '));
}
