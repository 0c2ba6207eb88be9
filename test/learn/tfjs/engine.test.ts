// The engine `tfjs` on TensorFlow.js in pure JavaScript: step by step what the compiled training step does, and the learner on top of it.

import { describe, expect, it } from 'vitest';
import { type EngineOptions, type EngineSamples, type GradientEngine, openEngine } from '../../../agent/learn/gradient/engine.ts';
import { gradientOn } from '../../../agent/learn/gradient/gradient.ts';
import { tfjsEngine } from '../../../agent/learn/tfjs/engine.ts';
import { loadTensorFlow } from '../../../agent/learn/tfjs/load.ts';
import { sizeOf, type Tensor } from '../../../agent/onnx/ir.ts';
import { attr, floats, graph, model, node, value } from '../../../agent/onnx/made/build.ts';
import type { FloatTail } from '../../../agent/onnx/surgery/tail.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { Random } from '../../autodiff/random.ts';
import { tf } from '../../autodiff/tensorflow.ts';

const [channels, edge, hidden, classes, count, batch] = [3, 4, 5, 3, 24, 8];
const sample = [channels, edge, edge];
const r = new Random(4);
const drawn = (dims: readonly number[], spread = 1): Tensor =>
  floats(
    dims,
    Array.from({ length: sizeOf(dims) }, () => spread * (2 * r.next() - 1)),
  );

/** What ends many a quantized model: 1×1 convolution, normalization with fixed statistics, Relu6, mean, linear. */
function tailOf(activation: FloatTail['activation']): FloatTail {
  const parameters = {
    w: drawn([hidden, channels, 1, 1]),
    s: floats([hidden], 1),
    t: drawn([hidden], 0.2),
    head: drawn([classes, hidden]),
    bias: floats([classes], 0),
  };
  const constants = { m: drawn([hidden], 0.1), v: floats([hidden], 1.2), six: floats([], 6), zero: floats([], 0) };
  const nodes = [
    node('Conv', ['x', 'w'], ['a']),
    node('BatchNormalization', ['a', 's', 't', 'm', 'v'], ['n'], { epsilon: attr.float(1e-5) }),
    node('Clip', ['n', 'zero', 'six'], ['r']),
    node('GlobalAveragePool', ['r'], ['p']),
    node('Flatten', ['p'], ['f']),
    node('Gemm', ['f', 'head', 'bias'], ['z'], { transB: 1 }),
  ];
  const body = graph('tail', {
    inputs: [value('x', ['n', ...sample])],
    outputs: [value('z', null)],
    nodes,
    initializers: Object.entries({ ...parameters, ...constants }),
  });
  return {
    model: model(body),
    input: 'x',
    output: 'z',
    logits: 'z',
    activation,
    parameters: Object.entries(parameters).map(([name, { dims }], layer) => ({
      name,
      dims,
      role: dims.length === 1 ? 'bias' : 'weight',
      layer,
    })),
    head: { weight: 'head', bias: 'bias', layout: 'out-in', input: 'f', width: hidden, classes },
    origins: new Map(),
    base: new Map(Object.entries(parameters)),
    activations: [],
  };
}

const labels = Int32Array.from({ length: count }, (_, row) => row % classes);
const centres = Array.from({ length: classes }, () => drawn(sample).data as Float32Array);
const features = floats(
  [count, ...sample],
  Array.from({ length: count * sizeOf(sample) }, (_, at) => {
    const centre = centres[labels[Math.floor(at / sizeOf(sample))] as number] as Float32Array;
    return (centre[at % sizeOf(sample)] as number) + 0.6 * (r.next() - 0.5);
  }),
);
const untaught: EngineSamples = { features, labels, weights: Float32Array.from(labels, (label) => 1 + label), teaching: null };
const teaching = { teacher: drawn([count, classes], 3).data as Float32Array, share: Float32Array.from(labels, (label) => 0.2 * label) };

async function trained(engine: GradientEngine, tail: FloatTail, isMixed = false) {
  await using open = engine;
  let course = open.begin(tail.base);
  const losses: number[] = [];
  const orderOf = (epoch: number) => BigInt64Array.from({ length: count }, (_, at) => BigInt((at * 7 + epoch) % count));
  const mix = Float32Array.from({ length: count }, (_, at) => (at % 5) / 10);
  for (let epoch = 0; epoch < 3; epoch += 1) {
    const mixing = isMixed ? { partners: orderOf(epoch + 11), mix } : undefined;
    const after = await open.epoch(course, orderOf(epoch), Float32Array.of(0.02, 0.01, 0.01), mixing);
    losses.push(after.loss);
    course = after.course;
  }
  return { course, losses, logits: await open.logits(course.weights, features) };
}

describe('the engine tfjs', () => {
  const cases: readonly (readonly [string, FloatTail['activation'], EngineSamples, Partial<EngineOptions>])[] = [
    ['cross-entropy', 'softmax', untaught, {}],
    ['a pull to the base weights', 'none', untaught, { anchor: 0.1 }],
    ['distillation', 'softmax', { ...untaught, teaching }, {}],
    ['distillation of single probabilities, with a pull', 'sigmoid', { ...untaught, teaching }, { anchor: 0.05 }],
    ['smoothed labels', 'softmax', untaught, { smoothing: 0.2 }],
    ['smoothed single probabilities', 'sigmoid', untaught, { smoothing: 0.2 }],
    ['decay of weights', 'none', untaught, { decay: 2 }],
    ['bounded gradients', 'none', untaught, { clip: 0.05 }],
    ['mixed samples', 'softmax', { ...untaught, teaching }, { mixup: true }],
  ];

  it.each(cases)('trains by %s as the compiled step does', async (_name, activation, samples, more) => {
    const tail = tailOf(activation);
    const options: EngineOptions = { classes, batch, anchor: 0, base: tail.base, runtime: createRuntime(), ...more };
    const ours = await trained(await openEngine(tail, samples, options), tail, more.mixup);
    const theirs = await trained(await tfjsEngine(tf)(tail, samples, options), tail, more.mixup);
    expect(theirs.course.steps).toBe(9);
    for (const [epoch, loss] of ours.losses.entries()) expect(theirs.losses[epoch]).toBeCloseTo(loss, 5);
    for (const [name, { data }] of ours.course.weights) {
      const found = theirs.course.weights.get(name)?.data as Float32Array;
      for (const [at, weight] of (data as Float32Array).entries()) expect(found[at], name).toBeCloseTo(weight, 4);
    }
    for (const [at, logit] of ours.logits.entries()) expect(theirs.logits[at]).toBeCloseTo(logit, 3);
    expect(ours.course.weights.get('head')).not.toEqual(tail.base.get('head'));
  });

  it('keeps nothing of a course, and no memory', async () => {
    const tail = tailOf('softmax');
    const before = tf.memory().numTensors;
    const options: EngineOptions = { classes, batch, anchor: 0.1, base: tail.base, runtime: createRuntime() };
    const engine = await tfjsEngine(tf)(tail, { ...untaught, teaching }, options);
    const start = engine.begin(tail.base);
    const order = BigInt64Array.from({ length: count }, (_, at) => BigInt(at));
    const rates = Float32Array.of(0.01, 0.01, 0.01);
    const [once, again] = [await engine.epoch(start, order, rates), await engine.epoch(start, order, rates)];
    expect(again).toEqual(once);
    expect(start.weights).toEqual(tail.base);
    await engine.logits(once.course.weights, features);
    await engine.close();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('carries the learner: a tail of two layers learns', async () => {
    const tail = tailOf('none');
    const rows = { features: features.data as Float32Array, count, width: sizeOf(sample), labels, groups: Int32Array.from(labels.keys()) };
    const input = { tail, train: rows, classes, prior: null, personalWeight: 1, seed: 5, runtime: createRuntime() };
    const fitted = await gradientOn(tfjsEngine(tf)).fit(input);
    const engine = await openEngine(tail, untaught, { classes, batch, anchor: 0, base: tail.base, runtime: createRuntime() });
    const logits = await engine.logits(new Map([...tail.base, ...fitted.weights]), features);
    await engine.close();
    const right = labels.filter(
      (label, row) => Math.max(...logits.subarray(row * classes, (row + 1) * classes)) === logits[row * classes + label],
    );
    expect(right).toHaveLength(count);
  });

  it('refuses normalization by the batch', async () => {
    const tail = tailOf('none');
    const training = tail.model.graph.nodes.map((each) =>
      each.op === 'BatchNormalization' ? { ...each, outputs: ['n', 'm2', 'v2'], attributes: { training_mode: attr.int(1) } } : each,
    );
    const changed = { ...tail, model: { ...tail.model, graph: { ...tail.model.graph, nodes: training } } };
    const options: EngineOptions = { classes, batch, anchor: 0, base: tail.base, runtime: createRuntime() };
    await expect(tfjsEngine(tf)(changed, untaught, options)).rejects.toThrow('training mode');
  });
});

describe('loading TensorFlow.js', () => {
  it('gives what is installed, whether its names are its own or under default, and puts back what newer Node.js removed', async () => {
    const names: string[] = [];
    const load = async (name: string) => {
      names.push(name);
      return { default: tf };
    };
    expect((await loadTensorFlow(load)).tensor).toBe(tf.tensor);
    expect((await loadTensorFlow(async () => ({ ...tf, default: undefined }))).tensor).toBe(tf.tensor);
    expect(names).toEqual(['@tensorflow/tfjs-node']);
    const util = process.getBuiltinModule('node:util') as unknown as { readonly isNullOrUndefined: (value: unknown) => boolean };
    expect([null, undefined, 0, ''].map(util.isNullOrUndefined)).toEqual([true, true, false, false]);
  });

  it('says how to install it where it is absent or broken', async () => {
    const broken = () => Promise.reject(new Error('libtensorflow.so.2: cannot open shared object file'));
    await expect(loadTensorFlow(broken)).rejects.toMatchObject({
      code: 'engine-unavailable',
      message: expect.stringContaining('libtensorflow.so.2'),
      hint: expect.stringContaining('npm install @tensorflow/tfjs-node'),
    });
  });
});
