// One measurement of the training benchmark in a process of its own, so that its peak memory is its own: `train-job.mjs JOB THREADS` prints one
// JSON line. JOB is one of train-tails.mjs, or 'gemm': the fastest matrix product that the runtime does here.
import { plainLoss } from '../../dist/autodiff/loss.js';
import { adamW } from '../../dist/autodiff/optimizers.js';
import { compileStep } from '../../dist/autodiff/step.js';
import { encodeModel } from '../../dist/onnx/codec/encode.js';
import { floats, graph, ints, model, node, value } from '../../dist/onnx/made/build.js';
import { discard, openSession } from '../../dist/runtime/session.js';
import { median } from './table.mjs';
import { jobs } from './train-tails.mjs';

const optimizers = { adamw: adamW, sgd: { kind: 'sgd', momentum: 0.9, decay: 0 } };
const [name, threads] = [process.argv[2], Number(process.argv[3])];
const result = name === 'gemm' ? { gflops: await gemmCeiling() } : await measure(jobs[name]);
console.log(JSON.stringify({ ...result, peakRssMb: process.resourceUsage().maxRSS / 1024 }));

/** Microseconds a step: the median of calls, each an epoch of a linear head, or a few steps of a tail over images. */
async function measure({ batch, optimizer, tail: make }) {
  const { tail, sample, classes, operations, weights } = make();
  const [rows, steps, calls] = sample.length === 1 ? [1000, 31, 60] : [4 * batch, 4, 8];
  const step = compileStep(tail, { batch, loss: plainLoss(classes), optimizer: optimizers[optimizer] });
  await using session = await openSession(encodeModel(step.model), {
    label: 'the training step',
    threads,
    memoryPattern: sample.length === 1,
  });
  const features = new Float32Array(rows * sample.reduce((a, b) => a * b));
  for (let at = 0; at < features.length; at += 1) features[at] = Math.random() - 0.5;
  const fixed = {
    features: floats([rows, ...sample], features),
    labels: ints(Array.from({ length: rows }, (_, row) => row % classes)),
    weights: floats([rows], 1),
    rates: floats([steps], 1e-3),
  };
  let carried = Object.fromEntries([
    ...step.parameters.map(({ name, input }) => [input, weights[name]]),
    ...step.state.map(({ input, dims }) => [input, floats(dims, 0)]),
  ]);
  const times = [];
  for (let call = 0; call < calls; call += 1) {
    const order = ints(shuffled(rows).slice(0, steps * batch), [steps, batch]);
    const begin = performance.now();
    const out = await session.run({ ...fixed, ...carried, order, done: floats([], [call * steps]) });
    times.push(((performance.now() - begin) * 1e3) / steps);
    // As the learner does it; the first ones were handed in.
    if (call > 0) for (const tensor of Object.values(carried)) discard(tensor);
    carried = Object.fromEntries([...step.parameters, ...step.state].map(({ input, output }) => [input, out[output]]));
    if (!out.losses.data.every(Number.isFinite)) throw new Error('a loss is not finite');
  }
  const microseconds = median(times.slice(1));
  return { microseconds, gflops: (operations * batch) / microseconds / 1e3 };
}

function shuffled(count) {
  const order = Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [order[at], order[other]] = [order[other], order[at]];
  }
  return order;
}

/** GFLOP/s of a large single-precision matrix product: the best of several. */
async function gemmCeiling() {
  const size = 1024;
  const body = graph('ceiling', {
    inputs: [value('a', [size, size]), value('b', [size, size])],
    outputs: [value('c', [size, size])],
    nodes: [node('Gemm', ['a', 'b'], ['c'])],
  });
  await using session = await openSession(encodeModel(model(body)), { label: 'the Gemm ceiling', threads });
  const feeds = { a: floats([size, size], 0.5), b: floats([size, size], 0.25) };
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 80; repeat += 1) {
    const begin = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - begin);
  }
  return (2 * size ** 3) / best / 1e6;
}
