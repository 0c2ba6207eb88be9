// Fifty steps of models/objects' network on photographs, from the same weights and with the same batches: this project's compiler, in single
// precision, against PyTorch in double. Prints the differences of losses and weights, relative. usage: fifty-steps.mjs DATA [--peer-root FOLDER] [--json]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { compileStep } from '../../agent/autodiff/step.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { floats, ints } from '../../agent/onnx/made/build.ts';
import { randomOf } from '../../agent/random.ts';
import { openSession } from '../../agent/runtime/session.ts';
import { edge, objectsNetwork, pictureInput } from '../models/objects-network.mjs';
import { readPictures } from '../models/training/pictures.mjs';
import { findRoot } from './peer.mjs';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'peer-root': { type: 'string' }, json: { type: 'boolean', default: false } },
});
const [data] = positionals;
const root = findRoot({ peerRoot: flags['peer-root'] });
if (data === undefined || root.path === null) {
  console.error(data === undefined ? 'usage: fifty-steps.mjs DATA [--peer-root FOLDER] [--json]' : root.why);
  process.exit(data === undefined ? 64 : 69);
}
const [steps, batch, rate, seed] = [50, 64, 0.002, 1];
const samples = await readPictures(join(data, 'train'), pictureInput, { limit: 50 });
const [classes, count] = [samples.classes.length, samples.labels.length];
const network = objectsNetwork(seed, classes);
const random = randomOf(seed);
const order = Array.from({ length: steps * batch }, () => Math.floor(random() * count));

async function ours() {
  const step = compileStep(network, { batch, loss: plainLoss(classes), optimizer: { kind: 'sgd', momentum: 0.9, decay: 0 } });
  await using session = await openSession(encodeModel(step.model), { label: 'the training step', threads: 1 });
  const features = new Float32Array(count * samples.width);
  for (let row = 0; row < count; row += 1) samples.read(row, features.subarray(row * samples.width, (row + 1) * samples.width));
  const { initializers } = network.model.graph;
  const out = await session.run({
    features: floats([count, ...network.sample], features),
    labels: ints([...samples.labels]),
    weights: floats([count], 1),
    order: ints(order, [steps, batch]),
    rates: floats([steps], rate),
    done: floats([], [0]),
    ...Object.fromEntries([...step.parameters, ...step.statistics].map(({ name, input }) => [input, initializers.get(name)])),
    ...Object.fromEntries(step.state.map(({ input, dims }) => [input, floats(dims, 0)])),
  });
  const after = new Map(step.parameters.map(({ name, output }) => [name, out[output].data]));
  return { losses: out.losses.data, weights: network.parameters.map(({ name }) => after.get(name)) };
}

function theirs() {
  const folder = join(root.path, 'pictures');
  mkdirSync(folder, { recursive: true });
  for (const name of ['train', 'test']) {
    writeFileSync(join(folder, `${name}.pixels`), samples.pixels);
    writeFileSync(join(folder, `${name}.labels`), samples.labels);
  }
  const initial = network.parameters.flatMap(({ name }) => [...network.model.graph.initializers.get(name).data]);
  writeFileSync(join(folder, 'initial.f32'), Float32Array.from(initial));
  writeFileSync(join(folder, 'order.i32'), Int32Array.from(order));
  const { mean, std } = pictureInput;
  const options = { fifty: true, batch, rate, seed, decay: 0, threads: 1, edge, classes, mean, std };
  const { losses, version } = root.runFile(new URL('from-scratch.py', import.meta.url), ['/pictures', JSON.stringify(options)]);
  const bytes = readFileSync(join(folder, 'final.f32'));
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  let at = 0;
  const weights = network.parameters.map(({ dims }) => {
    const size = dims.reduce((product, dim) => product * dim, 1);
    at += size;
    return all.subarray(at - size, at);
  });
  return { losses, weights, version };
}

/** Of all weights as one vector: length of the difference against the length. */
function difference(found, expected) {
  const length = (values) => Math.sqrt(values.reduce((sum, each) => sum + each * each, 0));
  return length(expected.map((each, at) => each - found[at])) / length(expected);
}

const [a, b] = [await ours(), theirs()];
const result = {
  peer: `PyTorch ${b.version}`,
  steps,
  losses: Math.max(...b.losses.map((loss, at) => Math.abs(a.losses[at] / loss - 1))),
  weights: difference(
    a.weights.flatMap((each) => [...each]),
    b.weights.flatMap((each) => [...each]),
  ),
  first: a.losses[0],
  last: a.losses[steps - 1],
};
if (flags.json) console.log(JSON.stringify(result));
else {
  console.log(`${steps} steps, loss ${result.first.toFixed(4)} to ${result.last.toFixed(4)}; against ${result.peer} in double precision:`);
  console.log(`losses differ by at most ${result.losses.toExponential(1)}, weights by ${result.weights.toExponential(1)}, relative`);
}
