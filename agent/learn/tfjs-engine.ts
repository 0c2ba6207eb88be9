// The same training as `openEngine`'s, done by TensorFlow.js: its operators, its gradients, AdamW written with them. Slower than the compiled
// step, and independent of it. Takes any build of TensorFlow.js; refuses what its table of operators lacks, and statistics of batches.
import type { LossOptions } from '../autodiff/loss.ts';
import { adamW } from '../autodiff/optimizers.ts';
import { trainableOf } from '../autodiff/trainable.ts';
import { WhetError } from '../errors.ts';
import { sizeOf, type Tensor } from '../onnx/ir.ts';
import { floatTensor } from './gather.ts';
import { type EngineOptions, type EngineSamples, lossOf, type OpenEngine } from './gradient-engine.ts';
import type { TensorFlow, TfScalar, TfTensor } from './tfjs-load.ts';
import { type Program, programOf, tensorOf } from './tfjs-program.ts';

const chunkRows = 512;

export function tfjsEngine(tf: TensorFlow): OpenEngine {
  return async (tail, samples, options) => {
    const { batch, base, classes } = options;
    const { parameters, statistics } = trainableOf(tail);
    if (statistics.length > 0)
      throw new WhetError('operator-unsupported', 'the engine tfjs does not train BatchNormalization in training mode', {
        hint: 'Use the engine onnx, or export the model for inference.',
      });
    const beyond = beyondEngine(options, tail.fixed ?? []);
    if (beyond !== null)
      throw new WhetError('engine-unavailable', `the engine tfjs does not train with ${beyond}`, { hint: 'Use the engine onnx for that.' });
    const names = parameters.map(({ name }) => name);
    const program = programOf(tf, tail, batch);
    const loss = lossOf(tail, samples, options);
    const features = tensorOf(tf, samples.features);
    const terms = termsOf(tf, samples, loss, options);
    const anchors = new Map(loss.anchor === 0 ? [] : names.map((name) => [name, tensorOf(tf, base.get(name) as Tensor)] as const));
    const close = async () => {
      for (const tensor of [features, ...terms.flatMap((term) => [term.targets, term.weights]), ...anchors.values()]) tensor.dispose();
    };

    /** Loss of one batch as a function of the parameters. */
    const lossOfRows = (rows: TfTensor, values: readonly TfTensor[]) => {
      const held = new Map(names.map((name, at) => [name, values[at] as TfTensor] as const));
      const out = program(new Map([...held, [tail.input, tf.gather(features, rows as never)] as const]));
      const logits = out.get(tail.logits) as TfTensor;
      const parts = terms.map(({ targets, weights, temperature }) =>
        crossEntropy(tf, loss.kind, tf.div(logits, temperature), tf.gather(targets, rows as never), tf.gather(weights, rows as never)),
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
      async epoch(course, order, rates) {
        const load = (tensor: Tensor | undefined) => tensorOf(tf, tensor as Tensor);
        let current: Updated[] = names.map((name) => ({
          w: load(course.weights.get(name)),
          m: load(course.state[`${name}/m`]),
          v: load(course.state[`${name}/v`]),
        }));
        let total = 0;
        for (const [step, rate] of rates.entries()) {
          const rows = Int32Array.from(order.subarray(step * batch, (step + 1) * batch), Number);
          const before = current;
          const { next, value } = tf.tidy(() => {
            const gradient = tf.valueAndGrads((...values: TfTensor[]) => lossOfRows(tf.tensor1d(rows, 'int32'), values));
            const { value, grads } = gradient(before.map(({ w }) => w));
            const after = before.map((each, at) => updated(tf, each, grads[at] as TfTensor, rate, course.steps + step + 1));
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

/** What the compiled step can do and this one cannot. */
function beyondEngine({ decay = 0, clip, mixup = false }: EngineOptions, fixed: readonly string[]): string | null {
  if (decay > 0) return 'weight decay';
  if (clip !== undefined) return 'a limit on gradients (clip)';
  if (mixup) return 'mixup';
  return fixed.length > 0 ? 'awareness of quantization' : null;
}

interface Updated {
  readonly w: TfTensor;
  readonly m: TfTensor;
  readonly v: TfTensor;
}

/** AdamW without decay:  m ← β₁·m + (1 − β₁)·dw,  v ← β₂·v + (1 − β₂)·dw²,  w ← w − rate·m̂/(√v̂ + ε). */
function updated(tf: TensorFlow, { w, m, v }: Updated, dw: TfTensor, rate: number, t: number): Updated {
  const { beta1, beta2, epsilon } = adamW;
  const nextM = tf.add(tf.mul(m, beta1), tf.mul(dw, 1 - beta1));
  const nextV = tf.add(tf.mul(v, beta2), tf.mul(tf.square(dw), 1 - beta2));
  const deviation = tf.add(tf.sqrt(tf.div(nextV, 1 - beta2 ** t)), epsilon);
  return { w: tf.sub(w, tf.mul(tf.div(nextM, deviation), rate / (1 - beta1 ** t))), m: nextM, v: nextV };
}

interface Term {
  /** [count, classes], multiplied by the row's weight. */
  readonly targets: TfTensor;
  /** [count, 1] */
  readonly weights: TfTensor;
  readonly temperature: number;
}

/** Labels, and where the base tail teaches, what it says: agent/autodiff/loss.ts says by what formula. */
function termsOf(
  tf: TensorFlow,
  { labels, weights, teaching }: EngineSamples,
  loss: LossOptions,
  { classes, batch }: EngineOptions,
): Term[] {
  return tf.tidy(() => {
    const column = (values: Float32Array) => tf.reshape(tf.tensor1d(values), [-1, 1]);
    const relative = tf.div(column(weights), tf.mul(tf.mean(tf.tensor1d(weights)), batch));
    const labelled = tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), classes), 'float32');
    if (teaching === null || loss.distillation === null)
      return [{ targets: tf.mul(labelled, relative), weights: relative, temperature: 1 }] as never;
    const { temperature } = loss.distillation;
    const logits = tf.div(tf.tensor2d(teaching.teacher, [labels.length, classes]), temperature);
    const softened = loss.kind === 'softmax' ? tf.softmax(logits) : tf.sigmoid(logits);
    const share = column(teaching.share);
    const own = tf.mul(relative, tf.sub(1, share));
    const taught = tf.mul(relative, tf.mul(share, temperature ** 2));
    return [
      { targets: tf.mul(labelled, own), weights: own, temperature: 1 },
      { targets: tf.mul(softened, taught), weights: taught, temperature },
    ] as never;
  });
}

function crossEntropy(tf: TensorFlow, kind: LossOptions['kind'], u: TfTensor, targets: TfTensor, weights: TfTensor): TfTensor {
  if (kind === 'softmax') return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(u))));
  return tf.sum(tf.sub(tf.mul(weights, tf.softplus(u)), tf.mul(targets, u)));
}
