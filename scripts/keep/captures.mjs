// What the study of keeping looks at: models without anything beside them, and captures of their own classes as features, to learn from and to
// test with. What is not there is left out: photographs and recordings come from a data folder; movements are synthetic and always there.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labelFiles, listClassFolders } from '../../agent/adapt/class-folders.ts';
import { embedFiles } from '../../agent/adapt/pictures.ts';
import { createEmbedder } from '../../agent/model/embed.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { inputShape } from '../../agent/preprocess/capture-input.ts';
import { randomOf } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { synthesise } from '../models/motion/recordings.mjs';

const runtime = createRuntime();
/** Photographs a class to draw from. */
const stock = 60;
const tinycnn = 'cifar10-tinycnn-int8-qoperator.onnx';

/** Noise of changed surroundings, as a part of the signal's root mean square. */
const noise = 0.3;

/**
 * One after the other: { name, classifier, labels, train, test }; `tests` photographs a class judge. Shifted: photographs by a bad camera,
 * recordings and movements in noise, to learn from and to judge with. `only` names one.
 */
export async function* openStudies({ data, models, tests, isShifted = false, only }) {
  const isWanted = (name) => only === undefined || only === name;
  if (isWanted('motion')) yield await study('motion', ownModel('motion'), (open) => movements(open, isShifted));
  if (data === undefined) return;
  const place = mkdtempSync(join(tmpdir(), 'whet-keep-'));
  try {
    if (isWanted('spoken-digits') && existsSync(join(data, 'fsdd'))) {
      const folder = isShifted ? noisy(join(data, 'fsdd'), join(place, 'fsdd')) : join(data, 'fsdd');
      yield await study('spoken-digits', ownModel('spoken-digits'), (open) => recordings(open, folder));
    }
    if (!existsSync(join(data, 'cifar10.tar')) || !['objects', 'tinycnn'].some(isWanted)) return;
    run('tar', ['-xf', join(data, 'cifar10.tar'), '-C', place]);
    if (isShifted)
      run(process.execPath, ['scripts/bad-camera.mjs', place, join(place, 'shifted'), '--limit', String(Math.max(stock, tests))]);
    const photographs = (open) => pictures(open, isShifted ? join(place, 'shifted') : place, tests);
    if (isWanted('objects')) yield await study('objects', ownModel('objects'), photographs);
    if (isWanted('tinycnn') && models !== undefined && existsSync(join(models, tinycnn)))
      yield await study('tinycnn', { ...ownModel('objects'), path: join(models, tinycnn) }, photographs);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function run(command, parameters) {
  const { status, stderr } = spawnSync(command, parameters, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${parameters.join(' ')}: ${stderr}`);
}

/** Adds white noise to recordings of 16 bits with the usual header of 44 bytes. */
function noisy(from, to) {
  mkdirSync(to);
  const gauss = normalOf(1);
  for (const name of readdirSync(from).filter((name) => /_(jackson|theo)_/.test(name))) {
    const bytes = readFileSync(join(from, name));
    const samples = new Int16Array(new Uint8Array(bytes.subarray(44)).buffer);
    addNoise(samples, gauss);
    bytes.set(new Uint8Array(samples.buffer), 44);
    writeFileSync(join(to, name), bytes);
  }
  return to;
}

/** Standard normal numbers (Box and Muller). */
function normalOf(seed) {
  const next = randomOf(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

function addNoise(samples, gauss) {
  const size = noise * Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
  for (const [at, value] of samples.entries()) samples[at] = value + size * gauss();
}

const ownModel = (name) => ({ path: `models/${name}/model.onnx`, card: JSON.parse(readFileSync(`models/${name}/model.json`, 'utf8')) });

async function study(name, { path, card }, read) {
  const { model } = loadModel(path);
  const classifier = await openClassifier(model, { cut: { kind: 'layers', layers: 1 }, runtime, inputShape: inputShape(card.input) });
  await using embedder = await createEmbedder(classifier, runtime);
  return { name, classifier, labels: card.labels, ...(await read({ card, embedder, width: classifier.features.width })) };
}

async function movements({ embedder, width }, isShifted) {
  const gauss = normalOf(1);
  const embed = async (person) => {
    const made = synthesise(
      Array.from({ length: 12 }, (_, at) => person + at),
      5,
    );
    const { labels } = made;
    const count = labels.length;
    const features = new Float32Array(count * width);
    for (let row = 0; row < count; row += 1) {
      const sample = new Float32Array(made.width);
      made.read(row, sample);
      if (isShifted) addNoise(sample, gauss);
      features.set(await embedder.embed(sample), row * width);
    }
    return { features, count, width, labels: Int32Array.from(labels), groups: Int32Array.from({ length: count }, (_, row) => row) };
  };
  return { train: await embed(3000), test: await embed(4000) };
}

async function recordings({ card, embedder, width }, folder) {
  const files = readdirSync(folder).flatMap((name) => {
    const [, digit, index] = /^(\d)_(?:jackson|theo)_(\d+)\.wav$/.exec(name) ?? [];
    return digit === undefined ? [] : [{ path: join(folder, name), label: Number(digit), index: Number(index) }];
  });
  const read = async (some) => (await embedFiles(some, embedder, width, { input: card.input, what: 'features' })).set;
  // The data set's own division.
  return { train: await read(files.filter(({ index }) => index >= 5)), test: await read(files.filter(({ index }) => index < 5)) };
}

async function pictures({ card, embedder, width }, place, tests) {
  const read = async (part, count) => {
    const folders = (await listClassFolders(join(place, part))).map(({ name, files }) => ({ name, files: files.slice(0, count) }));
    return (await embedFiles(labelFiles(folders, card.labels), embedder, width, { input: card.input, what: 'features' })).set;
  };
  return { train: await read('train', stock), test: await read('test', tests) };
}
