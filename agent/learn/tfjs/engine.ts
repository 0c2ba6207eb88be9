// The same training as `openEngine`'s, done by TensorFlow.js: its operators, its gradients, AdamW written with them. Slower than the compiled
// step, and independent of it. Takes any build of TensorFlow.js; refuses what its table of operators lacks, and statistics of batches.
import { trainableOf } from '../../autodiff/trainable.ts';
import { WhetError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../onnx/ir.ts';
import { lossOf, type Mixing, type OpenEngine } from '../gradient/engine.ts';
import { floatTensor } from '../ridge/gather.ts';
import type { TensorFlow, TfScalar, TfTensor } from './load.ts';
import { crossEntropy, termsOf } from './loss.ts';
import { type Program, programOf, tensorOf } from './program.ts';
import { bounded, type Updated, updated } from './update.ts';

const chunkRows = 512;

export function tfjsEngine(tf: TensorFlow): OpenEngine {
  return async (tail, samples, options) => {
    const { batch, base, classes, decay = 0, clip } = options;
    const { parameters, statistics } = trainableOf(tail);
    if (statistics.length > 0)
      throw new WhetError('operator-unsupported', 'the engine tfjs does not train BatchNormalization in training mode', {
        hint: 'Use the engine onnx, or export the model for inference.',
      });
    if ((tail.fixed ?? []).length > 0)
      throw new WhetError('engine-unavailable', 'the engine tfjs does not train with awareness of quantization', {
        hint: 'Use the engine onnx for that.',
      });
    const names = parameters.map(({ name }) => name);
    const program = programOf(tf, tail, batch);
    const loss = lossOf(tail, samples, options);
    const features = tensorOf(tf, samples.features);
    const terms = termsOf(tf, samples, loss, batch);
    const anchors = new Map(loss.anchor === 0 ? [] : names.map((name) => [name, tensorOf(tf, base.get(name) as Tensor)] as const));
    const close = async () => {
      for (const tensor of [features, ...terms.flatMap((term) => [term.targets, term.weights]), ...anchors.values()]) tensor.dispose();
    };

    /** Loss of one batch as a function of the parameters. */
    const lossOfBatch = (rows: Batch, values: readonly TfTensor[]) => {
      const held = new Map(names.map((name, at) => [name, values[at] as TfTensor] as const));
      const out = program(new Map([...held, [tail.input, taken(tf, features, rows)] as const]));
      const logits = out.get(tail.logits) as TfTensor;
      const parts = terms.map(({ targets, weights, temperature }) =>
        crossEntropy(tf, loss.kind, tf.div(logits, temperature), taken(tf, targets, rows), taken(tf, weights, rows)),
      );
      const pulls = [...anchors].map(([name, at]) => tf.mul(tf.sum(tf.square(tf.sub(held.get(name) as TfTensor, at))), loss.anchor / 2));
      return tf.reshape(
        [...parts, ...pulls].reduce((sum, part) => tf.add(sum, part)),
        [],
      ) as TfScalar;
    };

    return {
      begin: (weights) => ({
        weights,
        state: Object.fromEntries(
          parameters.flatMap(({ name, dims }) =>
            ['m', 'v'].map((slot) => [`${name}/${slot}`, floatTensor(dims, new Float32Array(sizeOf(dims)))]),
          ),
        ),
        steps: 0,
      }),
      async epoch(course, order, rates, mixing) {
        const load = (tensor: Tensor | undefined) => tensorOf(tf, tensor as Tensor);
        let current: Updated[] = names.map((name) => ({
          w: load(course.weights.get(name)),
          m: load(course.state[`${name}/m`]),
          v: load(course.state[`${name}/v`]),
        }));
        let total = 0;
        for (const [step, rate] of rates.entries()) {
          const before = current;
          const { next, value } = tf.tidy(() => {
            const rows = batchAt(tf, step, batch, order, mixing);
            const gradient = tf.valueAndGrads((...values: TfTensor[]) => lossOfBatch(rows, values));
            const { value, grads } = gradient(before.map(({ w }) => w));
            const dws = clip === undefined ? grads : bounded(tf, grads, clip);
            const after = before.map((each, at) =>
              updated(tf, each, dws[at] as TfTensor, rate, course.steps + step + 1, parameters[at]?.role === 'weight' ? decay : 0),
            );
            return { next: after as never, value };
          }) as unknown as { readonly next: Updated[]; readonly value: TfTensor };
          total += value.dataSync()[0] as number;
          tf.dispose([value, ...before.flatMap(({ w, m, v }) => [w, m, v])]);
          current = next;
        }
        const weights = new Map(course.weights);
        const state: Record<string, Tensor> = {};
        for (const [at, { name, dims }] of parameters.entries()) {
          const { w, m, v } = current[at] as Updated;
          const read = (tensor: TfTensor) => floatTensor(dims, Float32Array.from(tensor.dataSync()));
          weights.set(name, read(w));
          state[`${name}/m`] = read(m);
          state[`${name}/v`] = read(v);
          tf.dispose([w, m, v]);
        }
        return { course: { weights, state, steps: course.steps + rates.length }, loss: total / rates.length };
      },
      release() {
        // What it made for a course lies in the JavaScript heap.
      },
      async logits(weights, all) {
        const [count = 0, ...sample] = all.dims;
        const width = sizeOf(sample);
        const logits = new Float32Array(count * classes);
        const programs = new Map<number, Program>();
        for (let from = 0; from < count; from += chunkRows) {
          const rows = Math.min(chunkRows, count - from);
          const forward = programs.get(rows) ?? programOf(tf, tail, rows);
          programs.set(rows, forward);
          const part = (all.data as Float32Array).subarray(from * width, (from + rows) * width);
          const out = tf.tidy(() => {
            const values = names.map((name) => [name, tensorOf(tf, weights.get(name) as Tensor)] as const);
            return forward(new Map([...values, [tail.input, tf.tensor(part, [rows, ...sample])] as const])).get(tail.logits) as TfTensor;
          });
          logits.set(out.dataSync(), from * classes);
          out.dispose();
        }
        return logits;
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  };
}

interface Batch {
  readonly rows: TfTensor;
  /** With mixup: the other sample of each pair, and its share [batch]. */
  readonly partners: TfTensor | null;
  readonly mix: TfTensor | null;
}

/** Step `at` of an epoch. */
function batchAt(tf: TensorFlow, at: number, batch: number, order: BigInt64Array, mixing: Mixing | undefined): Batch {
  const part = (list: BigInt64Array) => tf.tensor1d(Int32Array.from(list.subarray(at * batch, (at + 1) * batch), Number), 'int32');
  if (mixing === undefined) return { rows: part(order), partners: null, mix: null };
  const mix = tf.tensor1d(mixing.mix.slice(at * batch, (at + 1) * batch));
  return { rows: part(order), partners: part(mixing.partners), mix };
}

/** Rows of a tensor, mixed with their partners: x + share·(partner − x). */
function taken(tf: TensorFlow, x: TfTensor, { rows, partners, mix }: Batch): TfTensor {
  const own = tf.gather(x, rows as never);
  if (partners === null || mix === null) return own;
  const share = tf.reshape(mix, [-1, ...x.shape.slice(1).map(() => 1)]);
  return tf.add(own, tf.mul(tf.sub(tf.gather(x, partners as never), own), share));
}
