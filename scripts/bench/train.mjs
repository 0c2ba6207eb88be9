// The gradient learner's step for a linear head on cached features, beside PyTorch where it is set up: same data sizes, same optimizer (Adam),
// one thread, alternately. Also against the fastest matrix product that this machine's runtime does, measured in the same run.
import { plainLoss } from '../../dist/autodiff/loss.js';
import { adamW } from '../../dist/autodiff/optimizers.js';
import { compileStep } from '../../dist/autodiff/step.js';
import { floats, graph, ints, model, node, value } from '../../dist/onnx/build.js';
import { encodeModel } from '../../dist/onnx/encode.js';
import { openSession } from '../../dist/runtime/session.js';
import { findPeer } from './peer.mjs';
import { formatTable, median } from './table.mjs';

/** Features, classes, and the share of the peer's time that is the target. */
const heads = [
  { width: 1280, classes: 10, target: 1 / 3.5 },
  { width: 256, classes: 12, target: 1 / 7 },
];
const [samples, batch, epochs, repeats] = [1000, 32, 10, 6];

export async function run({ rounds, peers, peerRoot, say }) {
  const peer = findPeer({ peers, peerRoot });
  const ceiling = await gemmCeiling();
  say(`train: one step of a linear head, batch ${batch}, Adam, one thread; Gemm ceiling ${ceiling.toFixed(0)} GFLOP/s`);
  if (peer.why !== null) say(`peer not set up: ${peer.why}`);
  const results = [];
  for (const head of heads) results.push(await compare(head, rounds, peer.run, ceiling));
  const header = ['features', 'classes', 'µs a step', 'GFLOP/s', 'of ceiling', 'peer', 'peer µs', 'ratio', 'target'];
  say(formatTable(header, results.map(rowOf)));
  return {
    gemmCeilingGflops: ceiling,
    peer: peer.why === null ? 'set up' : peer.why,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
    results,
  };
}

async function compare({ width, classes, target }, rounds, runPeer, ceiling) {
  const ours = [];
  const theirs = [];
  let name = null;
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await measure(width, classes));
    if (runPeer === null) continue;
    const found = runPeer('head.py', [width, classes, samples, batch, epochs]);
    theirs.push(found.us_per_step);
    name = found.peer;
  }
  const microseconds = median(ours);
  // Forward and weight gradient: two products of batch · width · classes, two operations each.
  const gflops = (4 * batch * width * classes) / microseconds / 1e3;
  const peerMicroseconds = theirs.length > 0 ? median(theirs) : null;
  return {
    width,
    classes,
    batch,
    microseconds,
    gflops,
    ofCeiling: gflops / ceiling,
    peer: name,
    peerMicroseconds,
    ratio: peerMicroseconds === null ? null : microseconds / peerMicroseconds,
    target,
  };
}

function rowOf(result) {
  const { width, classes, microseconds, gflops, ofCeiling, peer, peerMicroseconds, ratio, target } = result;
  return [
    String(width),
    String(classes),
    microseconds.toFixed(1),
    gflops.toFixed(1),
    `${(100 * ofCeiling).toFixed(0)} %`,
    peer ?? '–',
    peerMicroseconds === null ? '–' : peerMicroseconds.toFixed(1),
    ratio === null ? '–' : `1/${(1 / ratio).toFixed(1)}`,
    `1/${(1 / target).toFixed(1)}`,
  ];
}

/** Microseconds a step: the median of several runs of some epochs, each from the start, the first not counted. */
async function measure(width, classes) {
  const step = compileStep(linearTail(width, classes), { batch, loss: plainLoss(classes), optimizer: adamW });
  await using session = await openSession(encodeModel(step.model), { label: 'the training step' });
  const steps = Math.floor(samples / batch);
  const fixed = {
    features: floats(
      [samples, width],
      Float32Array.from({ length: samples * width }, () => Math.random() - 0.5),
    ),
    labels: ints(Array.from({ length: samples }, (_, row) => row % classes)),
    weights: floats([samples], 1),
    rates: floats([steps], 1e-3),
  };
  const times = [];
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    let carried = Object.fromEntries([...step.parameters, ...step.state].map(({ input, dims }) => [input, floats(dims, 0)]));
    const begin = performance.now();
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      const order = ints(shuffled(samples).slice(0, steps * batch), [steps, batch]);
      const out = await session.run({ ...fixed, ...carried, order, done: floats([], [epoch * steps]) });
      carried = Object.fromEntries([...step.parameters, ...step.state].map(({ input, output }) => [input, out[output]]));
    }
    times.push(((performance.now() - begin) * 1e3) / (epochs * steps));
  }
  return median(times.slice(1));
}

function linearTail(width, classes) {
  const parameters = { w: floats([classes, width], 0), b: floats([classes], 0) };
  const body = graph('tail', {
    inputs: [value('x', ['samples', width])],
    outputs: [value('z', ['samples', classes])],
    nodes: [node('Gemm', ['x', 'w', 'b'], ['z'], { transB: 1 })],
    initializers: Object.entries(parameters),
  });
  const roles = { w: 'weight', b: 'bias' };
  return {
    model: model(body),
    input: 'x',
    logits: 'z',
    parameters: Object.entries(parameters).map(([name, { dims }]) => ({ name, dims, role: roles[name], layer: 0 })),
  };
}

function shuffled(count) {
  const order = Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [order[at], order[other]] = [order[other], order[at]];
  }
  return order;
}

/** GFLOP/s of a large single-precision matrix product on one thread: the best of several. */
async function gemmCeiling() {
  const size = 768;
  const body = graph('ceiling', {
    inputs: [value('a', [size, size]), value('b', [size, size])],
    outputs: [value('c', [size, size])],
    nodes: [node('Gemm', ['a', 'b'], ['c'])],
  });
  await using session = await openSession(encodeModel(model(body)), { label: 'the Gemm ceiling' });
  const feeds = { a: floats([size, size], 0.5), b: floats([size, size], 0.25) };
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 12; repeat += 1) {
    const begin = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - begin);
  }
  return (2 * size ** 3) / best / 1e6;
}
