// Whether the closed form should choose λ through the rounding that ships: written 8-bit heads at the λ that it chooses, at the one that the rounded
// heads of five folds would choose, and at the best one that the tests themselves could choose; and the float head. Classes are new to the model.
// usage: rounding-study.mjs [DATA] [--models DIR] [--draws 3] [--tests 100] [--captures 5,25] [--alike 0.02,0.006]
// DATA and --models as for keep-study.mjs; movements are always looked at, and made-up networks, whose features are alike but for --alike of them.

import { parseArgs } from 'node:util';
import { hitsOfTail } from '../agent/adapt/judge-candidate.ts';
import { headRows, readHead, writeHead } from '../agent/learn/head-rows.ts';
import { closedForm } from '../agent/learn/ridge/closed-form.ts';
import { openDualRidge } from '../agent/learn/ridge/dual-ridge.ts';
import { multiply, oneHot } from '../agent/learn/ridge/gather.ts';
import { assignFolds, takeRows } from '../agent/learn/splits.ts';
import { crossEntropy } from '../agent/learn/temperature.ts';
import { openTail } from '../agent/model/classify.ts';
import { createEmbedder } from '../agent/model/embed.ts';
import { openClassifier } from '../agent/model/open.ts';
import { quantizeStatically } from '../agent/model/quantize-statically.ts';
import { writeBack } from '../agent/model/write-back.ts';
import { floats, graph, model, node, value } from '../agent/onnx/made/build.ts';
import { withClasses } from '../agent/onnx/surgery/classes.ts';
import { withWeights } from '../agent/onnx/weights.ts';
import { randomOf, shuffled } from '../agent/random.ts';
import { createRuntime } from '../agent/runtime/runtime.ts';
import { openStudies } from './keep/captures.mjs';

const { values: wanted, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: 'string' },
    draws: { type: 'string', default: '3' },
    tests: { type: 'string', default: '100' },
    captures: { type: 'string', default: '5,25' },
    alike: { type: 'string', default: '0.02,0.006' },
  },
});
const runtime = createRuntime();
const folds = 5;
/** Powers of ten beside the chosen λ; the middle first, so that it is kept where others are as good. */
const beside = [0, -0.5, 0.5, -1, 1, -2, 2, -3, 3];

for await (const study of studies()) {
  for (const captures of wanted.captures.split(',').map(Number)) {
    const draws = [];
    for (let draw = 0; draw < Number(wanted.draws); draw += 1) draws.push(await measure(study, captures, draw));
    console.log(lineOf(study, captures, draws));
  }
}

async function* studies() {
  for (const own of wanted.alike.split(',').map(Number)) yield await alike(own);
  yield* openStudies({ data: positionals[0], models: wanted.models, tests: Number(wanted.tests) });
}

async function measure({ classifier, labels, train, test }, captures, draw) {
  const next = randomOf(500 + draw);
  const rowsOf = (label) => [...train.labels.keys()].filter((row) => train.labels[row] === label);
  const set = takeRows(
    train,
    [...labels.keys()].flatMap((label) => shuffled(rowsOf(label), next).slice(0, captures)),
  );
  const tail = withClasses(
    classifier.tail,
    labels.map(() => null),
  );
  const about = { classifier, tail, classes: labels.length };
  const { weights, details } = await closedForm.fit({
    tail,
    train: set,
    classes: labels.length,
    prior: null,
    personalWeight: 1,
    seed: 1,
    runtime,
  });
  const power = Math.log10(details.lambda);
  const foldOf = assignFolds(set, folds, 1);
  const part = (isIn) => takeRows(set, [...set.labels.keys()].filter(isIn));
  const rights = async (rows, heads, judged) => {
    const found = [];
    for (const head of heads) found.push(sum(await hitsOfTail(await written(about, rows, head), classifier, judged, runtime)));
    return found;
  };
  const leftOut = beside.map(() => 0);
  for (let fold = 0; fold < folds; fold += 1) {
    const [rows, judged] = [part((row) => foldOf[row] !== fold), part((row) => foldOf[row] === fold)];
    const found = await rights(rows, await headsAt(about, rows, power, details.scale), judged);
    for (const [at, right] of found.entries()) leftOut[at] += right;
  }
  const onTests = await rights(set, await headsAt(about, set, power, details.scale), test);
  const share = (right) => right / test.count;
  const chosen = leftOut.indexOf(Math.max(...leftOut));
  const float = await logitsOfFloat(tail, weights, test, labels.length);
  return {
    float: share(sum(hits(float, test.labels, labels.length))),
    now: share(onTests[0]),
    through: share(onTests[chosen]),
    best: share(Math.max(...onTests)),
    moved: beside[chosen],
    entropy: {
      float: crossEntropy({ logits: float, labels: test.labels, classes: labels.length }),
      ...(await entropyOf(about, set, weights, test)),
    },
  };
}

/** Ridge fits at every λ, as weights of the tail. */
async function headsAt({ tail, classes }, set, power, scale) {
  const rows = await headRows(tail, set, runtime);
  const problem = { rows, groups: set.groups, targets: oneHot(set.labels, classes), columns: classes, intercept: true, runtime };
  await using ridge = await openDualRidge(problem);
  const heads = [];
  for (const step of beside) {
    const { weights, bias } = await ridge.solve(10 ** (power + step));
    heads.push(
      writeHead(tail, { weights: centred(weights, classes).map((w) => w * scale), bias: centred(bias, classes).map((b) => b * scale) }),
    );
  }
  return heads;
}

function centred(matrix, classes) {
  return matrix.map((each, at) => {
    const from = at - (at % classes);
    return each - sum(matrix.subarray(from, from + classes)) / classes;
  });
}

function written({ classifier, tail }, rows, weights) {
  const samples = { ...rows, shape: classifier.features.shape };
  return writeBack(classifier.model, tail, weights, samples, { runtime, fixedScales: false, isAware: false });
}

/** Cross-entropy of the written file on the tests as it is, and at the best temperature that there is for it. */
async function entropyOf(about, set, weights, test) {
  const { classifier, classes } = about;
  const file = await written(about, set, weights);
  const { features, tail, cut } = classifier;
  await using runner = await openTail(file, { cut: cut.tensor, features, activation: tail.activation, runtime });
  const logits = new Float32Array(test.count * classes);
  for (let row = 0; row < test.count; row += 1) {
    const { probabilities } = await runner.classify(test.features.slice(row * test.width, (row + 1) * test.width));
    logits.set(
      probabilities.map((p) => Math.log(Math.max(p, 1e-9))),
      row * classes,
    );
  }
  const at = (scale) => crossEntropy({ logits, labels: test.labels, classes }, scale);
  return { written: at(1), best: Math.min(...[0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.4, 1.7, 2].map(at)) };
}

async function logitsOfFloat(tail, weights, test, classes) {
  const rows = await headRows(tail, test, runtime);
  const head = readHead(withWeights(tail, weights));
  const product = await multiply(
    { data: rows.features, rows: rows.count, inner: rows.width },
    { data: head.weights, columns: classes, transposed: false },
    runtime,
  );
  return product.map((logit, at) => logit + head.bias[at % classes]);
}

function hits(logits, labels, classes) {
  return Array.from(labels, (label, row) => {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    return own.indexOf(Math.max(...own)) === label;
  });
}

/** Σ of numbers or of what is true. */
function sum(values) {
  return values.reduce((total, each) => total + Number(each), 0);
}

function lineOf({ name }, captures, draws) {
  const mean = (of) => sum(draws.map(of)) / draws.length;
  const percent = (of) => (100 * mean(of)).toFixed(1);
  return [
    `${name}, ${captures} a class:`,
    `float ${percent(({ float }) => float)}, written ${percent(({ now }) => now)},`,
    `λ through rounding ${percent(({ through }) => through)} (moved by 10^${draws.map(({ moved }) => moved)}),`,
    `best λ for the tests ${percent(({ best }) => best)};`,
    `cross-entropy: float ${mean(({ entropy }) => entropy.float).toFixed(3)}, written ${mean(({ entropy }) => entropy.written).toFixed(3)},`,
    `at the best temperature ${mean(({ entropy }) => entropy.best).toFixed(3)}`,
  ].join(' ');
}

/** A static int8 network whose last features are nearly alike: what tells the classes apart is a small share of one common direction. */
async function alike(share) {
  const [inner, width, classes] = [16, 64, 5];
  const next = randomOf(7);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const numbers = (count, of) => Float32Array.from({ length: count }, of);
  const common = numbers(width, () => 1 + next());
  const own = numbers(inner * width, normal);
  const along = numbers(inner, normal);
  const float = model(
    graph('alike', {
      inputs: [value('x', [1, inner])],
      outputs: [value('y', [1, classes])],
      nodes: [
        node('Gemm', ['x', 'a', 'c'], ['g'], {}, { name: 'features' }),
        node('Relu', ['g'], ['h']),
        node('Gemm', ['h', 'w', 'b'], ['y'], {}, { name: 'head' }),
      ],
      initializers: [
        [
          'a',
          floats(
            [inner, width],
            own.map((each, at) => share * each + common[at % width] * along[Math.floor(at / width)]),
          ),
        ],
        [
          'c',
          floats(
            [width],
            common.map((each) => 12 * each),
          ),
        ],
        ['w', floats([width, classes], numbers(width * classes, normal))],
        ['b', floats([classes], 0)],
      ],
    }),
  );
  const centres = numbers(classes * inner, normal);
  const draw = (perClass) => {
    const labels = Int32Array.from({ length: perClass * classes }, (_, row) => row % classes);
    const samples = Array.from(labels, (label) => numbers(inner, (_, at) => centres[label * inner + at] + 0.8 * normal()));
    return { labels, samples };
  };
  const [learn, judge] = [draw(60), draw(200)];
  const inputs = learn.samples.map((data) => floats([1, inner], data));
  const { model: quantized } = await quantizeStatically(float, inputs);
  const classifier = await openClassifier(quantized, { cut: { kind: 'layers', layers: 1 }, runtime });
  await using embedder = await createEmbedder(classifier, runtime);
  const setOf = async ({ labels, samples }) => {
    const features = new Float32Array(labels.length * width);
    for (const [row, data] of samples.entries()) features.set(await embedder.embed(data), row * width);
    return { features, count: labels.length, width, labels, groups: Int32Array.from(labels.keys()) };
  };
  const names = Array.from({ length: classes }, (_, label) => `${label}`);
  return { name: `alike but for ${share}`, classifier, labels: names, train: await setOf(learn), test: await setOf(judge) };
}
