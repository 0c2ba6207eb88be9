// Trains a network from nothing with this project's compiler: samples are read and augmented in JavaScript, some thousand at a time, and every
// such chunk is one call of the compiled step. Survives being killed: with `checkpoint`, a second call goes on after the last whole epoch.
import { plainLoss } from '../../../agent/autodiff/loss.ts';
import { adamW } from '../../../agent/autodiff/optimizers.ts';
import { compileStep } from '../../../agent/autodiff/step.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { sizeOf } from '../../../agent/onnx/ir.ts';
import { floats, ints } from '../../../agent/onnx/made/build.ts';
import { randomOf, shuffled } from '../../../agent/random.ts';
import { openSession } from '../../../agent/runtime/session.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.mjs';

/**
 * network     of `networkOf`
 * samples     { labels: Int32Array, weights?: Float32Array, read(row, into) }: `read` writes one sample, of the network's `sample` shape
 * augment     (into, random, { row, epoch }) changes a sample in place, anew in every epoch; null: none
 * schedule    (step, steps) → learning rate; see `cosine`
 * optimizer   of agent/autodiff; decay is for weights only
 * lowered     convolutions as matrix products where the compiler knows how; false to compare
 * chunk       samples a call: bounds the memory that they take
 * checkpoint  a file; null: none.  progress({ epoch, epochs, done, loss }) after every chunk, `done` in [0, 1] of the epoch
 *
 * Gives { values, losses }: every trained parameter and running statistic by name, and the mean loss of each epoch. The same arguments give the
 * same result, with and without an interruption. Throws where a loss is not finite.
 */
export async function fit(options) {
  const { network, samples, epochs, batch, schedule, seed, threads = 1, checkpoint = null, progress = () => {} } = options;
  const { augment = null, optimizer = { ...adamW, decay: 0.05 }, smoothing = 0, chunk = 2048, lowered = true } = options;
  const count = samples.labels.length;
  const stepsOfEpoch = Math.floor(count / batch);
  if (stepsOfEpoch === 0) throw new Error(`${count} samples do not fill a batch of ${batch}`);
  const step = compileStep(network, { batch, loss: { ...plainLoss(network.classes), smoothing }, optimizer, lowered });
  const kept = [...step.parameters, ...step.statistics];
  const about = JSON.stringify({ count, epochs, batch, seed, optimizer, smoothing, dims: kept.map(({ name, dims }) => [name, ...dims]) });

  const saved = checkpoint === null ? null : readCheckpoint(checkpoint, about);
  const losses = [...(saved?.losses ?? [])];
  let carried = saved?.carried ?? firstValues(network, step, kept);
  if (losses.length < epochs) {
    const moved = step.state.find(({ input, dims }) => String(carried[input]?.dims) !== String(dims));
    if (moved !== undefined) throw new Error(`${checkpoint} was written by another version of the compiler (${moved.input}): start anew`);
    await using session = await openSession(encodeModel(step.model), { label: 'the training step', threads });
    const width = sizeOf(network.sample);
    const stepsOfChunk = Math.max(1, Math.floor(chunk / batch));
    for (let epoch = losses.length; epoch < epochs; epoch += 1) {
      const random = randomOf(seed * 1_000_003 + epoch);
      const order = shuffled(
        Array.from({ length: count }, (_, row) => row),
        random,
      );
      let sum = 0;
      for (let from = 0; from < stepsOfEpoch; from += stepsOfChunk) {
        const steps = Math.min(stepsOfChunk, stepsOfEpoch - from);
        const rows = order.slice(from * batch, (from + steps) * batch);
        const done = epoch * stepsOfEpoch + from;
        const out = await session.run({
          ...carried,
          ...readRows(samples, rows, { augment, random, epoch, width, shape: network.sample }),
          order: ints([...rows.keys()], [steps, batch]),
          rates: floats(
            [steps],
            Array.from({ length: steps }, (_, at) => schedule(done + at, epochs * stepsOfEpoch)),
          ),
          done: floats([], [done]),
        });
        const loss = out.losses.data.reduce((total, each) => total + each, 0);
        if (!Number.isFinite(loss)) throw new Error(`the loss is not finite at step ${done} of epoch ${epoch}: a lower rate may help`);
        carried = Object.fromEntries([...kept, ...step.state].map(({ input, output }) => [input, out[output]]));
        sum += loss;
        progress({ epoch, epochs, done: (from + steps) / stepsOfEpoch, loss: sum / (from + steps) });
      }
      losses.push(sum / stepsOfEpoch);
      if (checkpoint !== null) writeCheckpoint(checkpoint, about, { carried, losses });
    }
  }
  return { values: new Map(kept.map(({ name, input }) => [name, carried[input]])), losses };
}

/** Rises for a share of the steps, then falls to zero along a cosine (Loshchilov, Hutter 2017). */
export function cosine({ rate, warmup = 0.1 }) {
  return (step, steps) => {
    const rising = warmup * steps;
    if (step < rising) return (rate * (step + 1)) / rising;
    return (rate / 2) * (1 + Math.cos((Math.PI * (step - rising)) / (steps - rising)));
  };
}

function firstValues(network, step, kept) {
  const { initializers } = network.model.graph;
  return Object.fromEntries([
    ...kept.map(({ name, input }) => [input, initializers.get(name)]),
    ...step.state.map(({ input, dims }) => [input, floats(dims, 0)]),
  ]);
}

function readRows(samples, rows, { augment, random, epoch, width, shape }) {
  const features = new Float32Array(rows.length * width);
  for (const [at, row] of rows.entries()) {
    const into = features.subarray(at * width, (at + 1) * width);
    samples.read(row, into);
    augment?.(into, random, { row, epoch });
  }
  return {
    features: { dtype: 'float32', dims: [rows.length, ...shape], data: features },
    labels: ints(rows.map((row) => samples.labels[row])),
    weights: floats([rows.length], samples.weights === undefined ? 1 : rows.map((row) => samples.weights[row])),
  };
}
