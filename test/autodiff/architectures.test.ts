// Fifty steps of the compiled training step against fifty steps of TensorFlow.js, by its own gradients and its own optimizers: losses, weights
// and running statistics of five architectures agree to 1e-4 of their size.
import { describe, expect, it } from 'vitest';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { adamW, type OptimizerOptions } from '../../agent/autodiff/optimizers.ts';
import { compileStep } from '../../agent/autodiff/step.ts';
import { trainableOf } from '../../agent/autodiff/trainable.ts';
import { programOf } from '../../agent/learn/tfjs/program.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { floats, ints } from '../../agent/onnx/made/build.ts';
import { openSession } from '../../agent/runtime/session.ts';
import { type Architecture, architectures, batch, drawnSamples, steps } from './architectures.ts';
import { type Tf, tf } from './tensorflow.ts';

interface Outcome {
  readonly losses: readonly number[];
  /** Weights and running statistics. */
  readonly values: ReadonlyMap<string, Float32Array>;
}

async function compiled(architecture: Architecture, optimizer: OptimizerOptions): Promise<Outcome> {
  const { tail, classes, rate } = architecture;
  const { features, labels, order } = drawnSamples(architecture);
  const step = compileStep(tail, { batch, loss: plainLoss(classes), optimizer });
  await using session = await openSession(encodeModel(step.model), { label: 'the step' });
  const kept = [...step.parameters, ...step.statistics];
  const out = await session.run({
    features,
    labels: ints(labels),
    weights: floats([labels.length], 1),
    order: ints(order.flat(), [steps, batch]),
    rates: floats([steps], rate),
    done: floats([], [0]),
    ...Object.fromEntries(kept.map(({ name, input }) => [input, tail.model.graph.initializers.get(name) as Tensor])),
    ...Object.fromEntries(step.state.map(({ input, dims }) => [input, floats(dims, 0)])),
  });
  return {
    losses: Array.from(out.losses?.data as Float32Array),
    values: new Map(kept.map(({ name, output }) => [name, out[output]?.data as Float32Array])),
  };
}

function tensorFlow(architecture: Architecture, optimizer: OptimizerOptions): Outcome {
  const { tail, classes, rate } = architecture;
  const { features, labels, order } = drawnSamples(architecture);
  const { parameters, statistics } = trainableOf(tail);
  const program = programOf(tf, tail, batch);
  const initial = (name: string) => tail.model.graph.initializers.get(name) as Tensor;
  const variableOf = ({ name, dims }: { readonly name: string; readonly dims: readonly number[] }) =>
    [name, tf.variable(tf.tensor(initial(name).data as Float32Array, [...dims]))] as const;
  const [trained, running] = [parameters.map(variableOf), statistics.map(variableOf)];
  const own = optimizer.kind === 'sgd' ? tf.train.momentum(rate, optimizer.momentum) : tf.train.adam(rate, 0.9, 0.999, 1e-8);
  const x = tf.tensor(features.data as Float32Array, [...features.dims]);
  const losses = order.map((rows) => {
    const next = new Map<string, Tf>();
    const loss = own.minimize(
      () => {
        const taken = tf.gather(x, tf.tensor1d(rows, 'int32'));
        const values = program(new Map<string, Tf>([...trained, ...running, [tail.input, taken] as const]));
        for (const statistic of statistics) next.set(statistic.name, tf.keep(values.get(statistic.next) as Tf));
        const targets = tf.oneHot(
          rows.map((row) => labels[row] as number),
          classes,
        );
        return tf.losses.softmaxCrossEntropy(targets, values.get(tail.logits) as Tf);
      },
      true,
      trained.map(([, variable]) => variable),
    );
    for (const [name, variable] of running) variable.assign(next.get(name) as Tf);
    return loss?.dataSync()[0] as number;
  });
  return { losses, values: new Map([...trained, ...running].map(([name, variable]) => [name, variable.dataSync() as Float32Array])) };
}

/** Largest difference against the largest element. */
function difference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const size = Math.max(...Array.from(expected, Math.abs));
  return Math.max(...Array.from(expected, (each, at) => Math.abs(each - (found[at] as number)))) / size;
}

const optimizers: Readonly<Record<string, OptimizerOptions>> = { momentum: { kind: 'sgd', momentum: 0.9, decay: 0 }, AdamW: adamW };

describe.each(Object.entries(architectures))('%s', (_name, architectureOf) => {
  it.each(Object.entries(optimizers))('trained by %s, is after fifty steps what TensorFlow.js makes of it', async (_kind, optimizer) => {
    const architecture = architectureOf();
    const ours = await compiled(architecture, optimizer);
    const theirs = tensorFlow(architecture, optimizer);
    for (const [step, loss] of theirs.losses.entries()) expect(Math.abs((ours.losses[step] as number) / loss - 1)).toBeLessThan(1e-4);
    expect(ours.values.size).toBe(theirs.values.size);
    for (const [name, values] of theirs.values) {
      expect(difference(ours.values.get(name) as Float32Array, values), name).toBeLessThan(1e-4);
      // It has moved, so that equality says something.
      expect(difference(architecture.tail.model.graph.initializers.get(name)?.data as Float32Array, values), name).toBeGreaterThan(1e-3);
    }
    const mean = (losses: readonly number[]) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    expect(mean(ours.losses.slice(-10))).toBeLessThan(0.9 * mean(ours.losses.slice(0, 5)));
  });
});
