// A small convolutional network trained from nothing by this project's compiler, and the same in PyTorch: accuracy on the same test
// photographs, processor time, memory. usage: from-scratch.mjs DATA [--epochs 8] [--per-class 2000] [--seed 1] [--peer-root FOLDER] [--json]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { adamW } from '../../agent/autodiff/optimizers.ts';
import { hits, proportion } from '../../agent/learn/evaluate.ts';
import { edge, objectsNetwork, pictureInput } from '../models/objects-network.mjs';
import { cosine, fit } from '../models/training/fit.mjs';
import { freeze, predict } from '../models/training/freeze.mjs';
import { mirrorAndMove, readPictures } from '../models/training/pictures.mjs';
import { findRoot } from './peer.mjs';
import { formatTable } from './table.mjs';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string', default: '8' },
    'per-class': { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    'peer-root': { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const [data] = positionals;
if (data === undefined) {
  console.error('usage: from-scratch.mjs DATA [--epochs 8] [--per-class 2000] [--seed 1] [--peer-root FOLDER] [--json]');
  process.exit(64);
}
const [epochs, seed] = [Number(flags.epochs), Number(flags.seed)];
const setup = { batch: 64, rate: 0.004, decay: 0.05, warmup: 0.1, move: 4 };
const limit = Number(flags['per-class']);
const train = await readPictures(join(data, 'train'), pictureInput, { limit });
const test = await readPictures(join(data, 'test'), pictureInput);
const classes = train.classes.length;

async function ours() {
  const network = objectsNetwork(seed, classes);
  const [started, processor] = [performance.now(), process.cpuUsage()];
  const { values, losses } = await fit({
    network,
    samples: train,
    augment: mirrorAndMove(network.sample, setup.move),
    epochs,
    batch: setup.batch,
    schedule: cosine(setup),
    optimizer: { ...adamW, decay: setup.decay },
    seed,
    progress: ({ epoch, done, loss }) => done === 1 && console.error(`epoch ${epoch + 1} of ${epochs}: loss ${loss.toFixed(3)}`),
  });
  const { user, system } = process.cpuUsage(processor);
  const logits = await predict(freeze(network, values), test);
  return {
    right: hits(logits, test.labels, classes).filter(Boolean).length,
    losses,
    seconds: (performance.now() - started) / 1000,
    processor: (user + system) / 1e6,
    memory: process.resourceUsage().maxRSS / 1024,
  };
}

function theirs(root) {
  mkdirSync(join(root.path, 'pictures'), { recursive: true });
  for (const [name, { pixels, labels }] of Object.entries({ train, test })) {
    writeFileSync(join(root.path, 'pictures', `${name}.pixels`), pixels);
    writeFileSync(join(root.path, 'pictures', `${name}.labels`), labels);
  }
  const { mean, std } = pictureInput;
  const options = { ...setup, epochs, seed, threads: 1, edge, classes, mean, std };
  return root.runFile(new URL('from-scratch.py', import.meta.url), ['/pictures', JSON.stringify(options)]);
}

const rows = [{ name: 'whetstone', ...(await ours()) }];
const root = findRoot({ peerRoot: flags['peer-root'] });
if (root.path === null) console.error(`PyTorch is left out: ${root.why}`);
else {
  const peer = theirs(root);
  rows.push({ ...peer, name: `PyTorch ${peer.version}` });
}
const result = rows.map((row) => ({ ...row, accuracy: proportion(row.right, test.labels.length) }));
if (flags.json) console.log(JSON.stringify({ pictures: train.labels.length, epochs, ...setup, seed, result }));
else {
  console.log(
    `${train.labels.length} photographs, ${epochs} epochs, batches of ${setup.batch}, one thread; ${test.labels.length} test photographs`,
  );
  console.log(
    formatTable(
      ['', 'test accuracy', '95 % interval', 'last loss', 'processor s', 'elapsed s', 'peak MB'],
      result.map(({ name, accuracy, losses, processor, seconds, memory }) => [
        name,
        accuracy.value.toFixed(3),
        `${accuracy.low.toFixed(3)} to ${accuracy.high.toFixed(3)}`,
        losses.at(-1).toFixed(3),
        processor.toFixed(1),
        seconds.toFixed(1),
        memory.toFixed(0),
      ]),
    ),
  );
}
