// What a step can be told beside its loss: bounded gradients, mixed samples, one rate a parameter, frozen parameters, running statistics and
// values that are fed anew. Each against the same training in TensorFlow.js, or by equality.
import { beforeAll, describe, expect, it } from 'vitest';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { adamW, type OptimizerOptions } from '../../agent/autodiff/optimizers.ts';
import { compileStep, type StepOptions } from '../../agent/autodiff/step.ts';
import { forwardModel, type TrainableTail } from '../../agent/autodiff/trainable.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { attr, floats, ints, node } from '../../agent/onnx/made/build.ts';
import { openSession } from '../../agent/runtime/session.ts';
import { Random } from './random.ts';
import { tf } from './tensorflow.ts';
import { tailOf } from './training.ts';

type Tf = ReturnType<typeof tf.tensor>;
const r = new Random(31);
const normal = (size: number, scale = 1) => Array.from({ length: size }, () => scale * (r.next() + r.next() + r.next() - 1.5));

const [count, width, hidden, classes, batch] = [24, 5, 4, 3, 6];
const features = normal(count * width);
const labels = Array.from({ length: count }, (_, row) => (row * 5) % classes);
const sgd: OptimizerOptions = { kind: 'sgd', momentum: 0.9, decay: 0.1 };
const plain = (optimizer: OptimizerOptions = sgd): StepOptions => ({ batch, loss: plainLoss(classes), optimizer });
const steps = Array.from({ length: 12 }, () => r.permutation(count).slice(0, batch));

const parameters = {
  w1: floats([width, hidden], normal(width * hidden)),
  b1: floats([hidden], normal(hidden)),
  w2: floats([hidden, classes], normal(hidden * classes)),
  b2: floats([classes], normal(classes)),
};
const twoLayers = (): TrainableTail => {
  const nodes = [node('Gemm', ['x', 'w1', 'b1'], ['a']), node('Tanh', ['a'], ['h']), node('Gemm', ['h', 'w2', 'b2'], ['z'])];
  return tailOf([width], nodes, 'z', parameters);
};
const forward = (x: Tf, p: Readonly<Record<string, Tf>>): Tf => {
  const h = tf.tanh(tf.add(tf.matMul(x as never, p.w1 as never), p.b1 as Tf));
  return tf.add(tf.matMul(h as never, p.w2 as never), p.b2 as Tf);
};

/** One call of twelve steps. */
async function run(tail: TrainableTail, options: StepOptions, extra: Readonly<Record<string, Tensor>> = {}) {
  const step = compileStep(tail, options);
  await using session = await openSession(encodeModel(step.model), { label: 'the step' });
  const { initializers } = tail.model.graph;
  const held = [...step.parameters, ...step.statistics].map(({ name, input }) => [input, initializers.get(name) as Tensor] as const);
  const sample = tail.model.graph.inputs[0]?.shape?.slice(1) as number[];
  const out = await session.run({
    features: floats([count, ...sample], features.slice(0, count * sample.reduce((a, b) => a * b, 1))),
    labels: ints(labels),
    weights: floats([count], 1),
    order: ints(steps.flat(), [steps.length, batch]),
    rates: floats([steps.length], 0.1),
    done: floats([], [0]),
    ...Object.fromEntries(held),
    ...Object.fromEntries(step.state.map(({ input, dims }) => [input, floats(dims, 0)])),
    ...extra,
  });
  const value = (name: string) => Array.from(out[`out/${name}`]?.data as Float32Array);
  return { value, losses: Array.from(out.losses?.data as Float32Array), step };
}

/** SGD with momentum and decoupled decay, written out; `change` alters the gradients of one step. */
function reference(
  loss: (rows: readonly number[], step: number, p: Readonly<Record<string, Tf>>) => Tf,
  change: (gradients: Record<string, Tf>) => Record<string, Tf> = (gradients) => gradients,
  factors: Readonly<Record<string, number>> = {},
) {
  const p: Record<string, Tf> = Object.fromEntries(
    Object.entries(parameters).map(([name, t]) => [name, tf.tensor([...(t.data as Float32Array)], [...t.dims])]),
  );
  const v: Record<string, Tf> = {};
  const losses: number[] = [];
  const names = Object.keys(p);
  for (const [at, rows] of steps.entries()) {
    const compute = (...values: Tf[]) => loss(rows, at, Object.fromEntries(names.map((name, index) => [name, values[index] as Tf])));
    losses.push(compute(...names.map((name) => p[name] as Tf)).dataSync()[0] as number);
    const raw = tf.grads(compute as never)(names.map((name) => p[name]) as never) as Tf[];
    const gradients = change(Object.fromEntries(names.map((name, index) => [name, raw[index] as Tf])));
    for (const name of names) {
      const rate = 0.1 * (factors[name] ?? 1);
      const old = v[name];
      const dw = gradients[name] as Tf;
      v[name] = old === undefined ? dw : tf.add(tf.mul(old, 0.9), dw);
      const keep = name.startsWith('w') ? 1 - rate * 0.1 : 1;
      p[name] = tf.sub(tf.mul(p[name] as Tf, keep), tf.mul(v[name] as Tf, rate));
    }
  }
  return { value: (name: string) => Array.from((p[name] as Tf).dataSync()), losses };
}

const x = () => tf.tensor(features, [count, width]);
const rowsOf = (rows: readonly number[]) => tf.gather(x(), [...rows]);
const targets = (rows: readonly number[]) =>
  tf.oneHot(
    rows.map((row) => labels[row] as number),
    classes,
  ) as unknown as Tf;
const crossEntropy = (q: Tf, z: Tf) => tf.neg(tf.mean(tf.sum(tf.mul(q, tf.logSoftmax(z)), 1)));
const plainReference = (rows: readonly number[], _step: number, p: Readonly<Record<string, Tf>>) =>
  crossEntropy(targets(rows), forward(rowsOf(rows), p));

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what = '') {
  expect(actual.length, what).toBe(expected.length);
  for (let at = 0; at < actual.length; at += 1) {
    const wanted = expected[at] as number;
    expect(Math.abs((actual[at] as number) - wanted), what).toBeLessThan(2e-5 * Math.max(1, Math.abs(wanted)));
  }
}

type Result = { readonly value: (name: string) => readonly number[]; readonly losses: readonly number[] };
function expectSame(actual: Result, expected: Result) {
  expectClose(actual.losses, expected.losses, 'losses');
  for (const name of Object.keys(parameters)) expectClose(actual.value(name), expected.value(name), name);
}

beforeAll(() => tf.setBackend('cpu'));

describe('a step agrees with TensorFlow.js', () => {
  it('where the global norm of the gradients is bounded', async () => {
    const limit = 0.3;
    let bounded = 0;
    const clip = (gradients: Record<string, Tf>) => {
      const norm = Math.sqrt(Object.values(gradients).reduce((sum, dw) => sum + (tf.sum(tf.square(dw)).dataSync()[0] as number), 0));
      if (norm > limit) bounded += 1;
      return Object.fromEntries(Object.entries(gradients).map(([name, dw]) => [name, tf.mul(dw, Math.min(1, limit / (norm + 1e-6)))]));
    };
    const actual = await run(twoLayers(), { ...plain(), clip: true }, { clip: floats([], [limit]) });
    expectSame(actual, reference(plainReference, clip));
    expect(bounded).toBeGreaterThan(2);
    const free = await run(twoLayers(), { ...plain(), clip: true }, { clip: floats([], [1e6]) });
    expectSame(free, reference(plainReference));
  });

  it('where samples are mixed in pairs', async () => {
    const partners = steps.map(() => r.permutation(count).slice(0, batch));
    const mix = steps.map(() => Array.from({ length: batch }, () => r.next()));
    const loss = (rows: readonly number[], step: number, p: Readonly<Record<string, Tf>>) => {
      const share = tf.tensor(mix[step] as number[], [batch, 1]);
      const blend = (a: Tf, b: Tf) => tf.add(tf.mul(a, tf.sub(1, share)), tf.mul(b, share));
      const others = partners[step] as number[];
      return crossEntropy(blend(targets(rows), targets(others)), forward(blend(rowsOf(rows), rowsOf(others)), p));
    };
    const extra = { partners: ints(partners.flat(), [steps.length, batch]), mix: floats([steps.length, batch], mix.flat()) };
    expectSame(await run(twoLayers(), { ...plain(), mixup: true }, extra), reference(loss));
  });

  it('where every parameter has its own rate, decay included', async () => {
    const factors = { w1: 0.25, b1: 2, w2: 0, b2: 1 };
    const extra = { factors: floats([4], Object.values(factors)) };
    const actual = await run(twoLayers(), { ...plain(), factors: true }, extra);
    expectSame(actual, reference(plainReference, undefined, factors));
    expect(actual.value('w2')).toEqual(Array.from(parameters.w2.data as Float32Array));
  });
});

describe('parameters that are left out of the list', () => {
  it('stay as they are, and the others learn as if those could not', async () => {
    const tail = twoLayers();
    const frozen = { ...tail, parameters: tail.parameters.filter(({ name }) => name !== 'w1' && name !== 'b1') };
    const actual = await run(frozen, plain());
    const slowed = await run(tail, { ...plain(), factors: true }, { factors: floats([4], [0, 0, 1, 1]) });
    expect(actual.step.parameters.map(({ name }) => name)).toEqual(['w2', 'b2']);
    for (const name of ['w2', 'b2']) expectClose(actual.value(name), slowed.value(name), name);
  });
});

describe('batch normalization in training mode', () => {
  const [channels, size] = [4, 3];
  const parameters = {
    w: floats([channels, 1, 3, 1], normal(channels * 3)),
    s: floats(
      [channels],
      normal(channels, 0.1).map((value) => 1 + value),
    ),
    t: floats([channels], normal(channels)),
    head: floats([channels, classes], normal(channels * classes)),
  };
  const nodes = [
    node('Conv', ['x', 'w'], ['a'], { pads: [1, 0, 1, 0] }),
    node('BatchNormalization', ['a', 's', 't', 'mean', 'variance'], ['n', 'mean-next', 'variance-next'], {
      training_mode: 1,
      momentum: attr.float(0.8),
    }),
    node('Relu', ['n'], ['h']),
    node('ReduceMean', ['h'], ['p'], { axes: [2, 3], keepdims: 0 }),
    node('MatMul', ['p', 'head'], ['z']),
  ];
  const constants = { mean: floats([channels], 0), variance: floats([channels], 1) };
  const tail = () => tailOf([1, size, 1], nodes, 'z', parameters, constants);

  it('carries the running statistics from step to step', async () => {
    // With a rate of zero nothing learns, so every step sees the same convolution.
    const still = { rates: floats([steps.length], 0) };
    const { value, step } = await run(tail(), plain(adamW), still);
    expect(step.statistics.map(({ name }) => name)).toEqual(['mean', 'variance']);
    const images = tf.tensor(features.slice(0, count * size), [count, size, 1, 1]);
    const kernel = tf.transpose(tf.tensor([...(parameters.w.data as Float32Array)], [channels, 1, 3, 1]), [2, 3, 1, 0]);
    const convolved = tf.conv2d(images as never, kernel as never, 1, 'same');
    let [mean, variance] = [tf.zeros([channels]), tf.ones([channels])] as [Tf, Tf];
    for (const rows of steps) {
      const own = tf.moments(tf.gather(convolved, [...rows]), [0, 1, 2]);
      mean = tf.add(tf.mul(mean, 0.8), tf.mul(own.mean, 0.2));
      variance = tf.add(tf.mul(variance, 0.8), tf.mul(own.variance, 0.2));
    }
    expectClose(value('mean'), mean.dataSync(), 'mean');
    expectClose(value('variance'), variance.dataSync(), 'variance');
  });

  it('learns, and at inference uses them', async () => {
    const { losses, value } = await run(tail(), plain(adamW));
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
    await using session = await openSession(encodeModel(forwardModel(tail())), { label: 'forward' });
    const feeds = (names: readonly string[], dims: (name: string) => readonly number[]) =>
      Object.fromEntries(names.map((name) => [name, floats(dims(name), value(name))]));
    const shapes: Record<string, readonly number[]> = {
      ...Object.fromEntries(Object.entries(parameters).map(([name, { dims }]) => [name, dims])),
      mean: [channels],
      variance: [channels],
    };
    const images = floats([2, 1, size, 1], features.slice(0, 2 * size));
    const all = feeds(Object.keys(shapes), (name) => shapes[name] as readonly number[]);
    const z = async (more: Record<string, Tensor> = {}) =>
      Array.from((await session.run({ x: images, ...all, ...more })).z?.data as Float32Array);
    const usual = await z();
    // A sample's result does not depend on its neighbours, but on the statistics.
    const alone = await session.run({ x: floats([1, 1, size, 1], features.slice(0, size)), ...all });
    expectClose(alone.z?.data as Float32Array, usual.slice(0, classes));
    expect(await z({ mean: floats([channels], 3) })).not.toEqual(usual);
  });

  it('is refused where the node does not give its statistics', () => {
    const [conv, bn, ...rest] = nodes as [(typeof nodes)[0], (typeof nodes)[0], ...typeof nodes];
    const odd = tailOf([1, size, 1], [conv as never, { ...bn, outputs: ['n'] } as never, ...rest], 'z', parameters, constants);
    expect(() => compileStep(odd, plain())).toThrow(expect.objectContaining({ code: 'operator-unsupported' }));
  });
});

describe('fixed values', () => {
  it('are inputs of the step and of the forward pass', async () => {
    const nodes = [node('Mul', ['x', 'gain'], ['g']), node('MatMul', ['g', 'w'], ['z'])];
    const w = floats([width, classes], normal(width * classes));
    const scaled = { ...tailOf([width], nodes, 'z', { w }, { gain: floats([], [1]) }), fixed: ['gain'] };
    const baked = tailOf([width], nodes, 'z', { w }, { gain: floats([], [0.5]) });
    const actual = await run(scaled, plain(), { 'in/gain': floats([], [0.5]) });
    const expected = await run(baked, plain());
    expect(actual.value('w')).toEqual(expected.value('w'));
    expect(forwardModel(scaled).graph.inputs.map(({ name }) => name)).toEqual(['x', 'w', 'gain']);
  });
});
