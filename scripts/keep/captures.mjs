// What the study of keeping looks at: models without anything beside them, and captures of their own classes as features, to learn from and to
// test with. What is not there is left out: photographs and recordings come from a data folder; movements are synthetic and always there.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labelFiles, listClassFolders } from '../../agent/adapt/class-folders.ts';
import { embedFiles } from '../../agent/adapt/pictures.ts';
import { createEmbedder } from '../../agent/model/embed.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { inputShape } from '../../agent/preprocess/capture-input.ts';
import { synthesise } from '../models/motion/recordings.mjs';

const threads = 1;
/** Photographs a class to draw from. */
const stock = 60;
const tinycnn = 'cifar10-tinycnn-int8-qoperator.onnx';

/** One after the other: { name, classifier, labels, train, test }; `tests` photographs a class judge. */
export async function* openStudies({ data, models, tests }) {
  yield await study('motion', ownModel('motion'), movements);
  if (data === undefined) return;
  if (existsSync(join(data, 'fsdd')))
    yield await study('spoken-digits', ownModel('spoken-digits'), (open) => recordings(open, join(data, 'fsdd')));
  if (!existsSync(join(data, 'cifar10.tar'))) return;
  const place = mkdtempSync(join(tmpdir(), 'whet-keep-'));
  try {
    if (spawnSync('tar', ['-xf', join(data, 'cifar10.tar'), '-C', place]).status !== 0) throw new Error('tar cannot read cifar10.tar');
    const photographs = (open) => pictures(open, place, tests);
    yield await study('objects', ownModel('objects'), photographs);
    if (models !== undefined && existsSync(join(models, tinycnn)))
      yield await study('tinycnn', { ...ownModel('objects'), path: join(models, tinycnn) }, photographs);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const ownModel = (name) => ({ path: `models/${name}/model.onnx`, card: JSON.parse(readFileSync(`models/${name}/model.json`, 'utf8')) });

async function study(name, { path, card }, read) {
  const { model } = loadModel(path);
  const classifier = await openClassifier(model, { cut: { kind: 'layers', layers: 1 }, threads, inputShape: inputShape(card.input) });
  await using embedder = await createEmbedder(classifier, threads);
  return { name, classifier, labels: card.labels, ...(await read({ card, embedder, width: classifier.features.width })) };
}

async function movements({ embedder, width }) {
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
