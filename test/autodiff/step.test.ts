// The compiled epoch against TensorFlow.js, step by step: linear heads, a multilayer tail, both optimizers, and every part of the loss.
import { beforeAll, describe, expect, it } from 'vitest';
import { type LossOptions, plainLoss } from '../../agent/autodiff/loss.ts';
import { adamW, type OptimizerOptions } from '../../agent/autodiff/optimizers.ts';
import { compileStep } from '../../agent/autodiff/step.ts';
import type { TrainableTail } from '../../agent/autodiff/trainable.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { attr, floats, node } from '../../agent/onnx/made/build.ts';
import { Random } from './random.ts';
import { type Tf, tf } from './tensorflow.ts';
import { linearTail, tailOf, train } from './training.ts';

const r = new Random(7);
const normal = (count: number, scale = 1) => Array.from({ length: count }, () => scale * (r.next() + r.next() + r.next() - 1.5));

const [count, width, classes, batch] = [40, 6, 4, 8];
const features = floats([count, width], normal(count * width));
const labels = Array.from({ length: count }, (_, index) => (index * 7) % classes);
/** 50 steps in ten calls. */
const epochs = Array.from({ length: 10 }, () => {
  const order = r.permutation(count);
  return { order: Array.from({ length: 5 }, (_, step) => order.slice(step * batch, (step + 1) * batch)), rate: 0.05 };
});

type Model = (x: Tf, p: Readonly<Record<string, Tf>>) => Tf;
/** Loss of a batch from its logits, its rows' indices and the parameters. */
type Loss = (z: Tf, rows: readonly number[], p: Readonly<Record<string, Tf>>) => Tf;

const labelRows = (rows: readonly number[], spread = 0) =>
  tf.tensor(rows.map((row) => Array.from({ length: classes }, (_, k) => (k === labels[row] ? 1 - spread : 0) + spread / classes)));
const crossEntropy = (q: Tf, z: Tf) => tf.neg(tf.sum(tf.mul(q, tf.logSoftmax(z)), 1));
const plain: Loss = (z, rows) => tf.mean(crossEntropy(labelRows(rows), z));

/** The same training in TensorFlow.js. */
function reference(
  tail: TrainableTail,
  forward: Model,
  loss: Loss,
  optimizer: ReturnType<typeof tf.train.adam> | ReturnType<typeof tf.train.momentum>,
) {
  const initial = tail.model.graph.initializers;
  const p = Object.fromEntries(
    tail.parameters.map(({ name, dims }) => [name, tf.variable(tf.tensor([...dataOf(initial.get(name))], [...dims]))]),
  );
  const losses: number[] = [];
  const x = tf.tensor([...dataOf(features)], [...features.dims]);
  for (const rows of epochs.flatMap(({ order }) => order)) {
    const value = optimizer.minimize(() => loss(forward(tf.gather(x, [...rows]), p), rows, p) as never, true, Object.values(p) as never);
    losses.push(value?.dataSync()[0] as number);
  }
  return { losses, parameters: Object.fromEntries(Object.entries(p).map(([name, v]) => [name, Array.from(v.dataSync())])) };
}

type Trained = { readonly losses: readonly number[]; readonly parameters: Readonly<Record<string, readonly number[]>> };

function expectSame(actual: Trained, expected: Trained): void {
  expect(actual.losses.length).toBe(50);
  const relative = (a: readonly number[], b: readonly number[]) => {
    const norm = Math.sqrt(b.reduce((sum, x) => sum + x * x, 0));
    return Math.sqrt(a.reduce((sum, x, index) => sum + (x - (b[index] as number)) ** 2, 0)) / norm;
  };
  expect(relative(actual.losses, expected.losses)).toBeLessThan(1e-4);
  for (const [name, values] of Object.entries(expected.parameters)) {
    expect(relative(actual.parameters[name] as readonly number[], values), name).toBeLessThan(1e-4);
  }
}

const sgd: OptimizerOptions = { kind: 'sgd', momentum: 0.9, decay: 0 };
const head = () => linearTail(width, classes, normal(width * classes, 0.3), normal(classes, 0.3));
const linear: Model = (x, p) => tf.add(tf.matMul(x as never, p.w as never), p.b as never);
const options = (loss: Partial<LossOptions>, optimizer: OptimizerOptions = adamW) => ({
  batch,
  loss: { ...plainLoss(classes), ...loss },
  optimizer,
});
const run = { features, labels, epochs };

/** Gemm → BatchNormalization → Relu → Gemm (transposed) → Gelu → MatMul → Add, with one frozen constant. */
function multilayer(): { tail: TrainableTail; forward: Model } {
  const nodes = [
    node('Gemm', ['x', 'w1', 'b1'], ['a']),
    node('BatchNormalization', ['a', 's', 't', 'mean', 'variance'], ['n'], { epsilon: attr.float(1e-3) }),
    node('Relu', ['n'], ['h1']),
    node('Gemm', ['h1', 'w2', 'b2'], ['b'], { transB: 1 }),
    node('Tanh', ['b'], ['h2']),
    node('MatMul', ['h2', 'w3'], ['c']),
    node('Add', ['c', 'b3'], ['z']),
    node('Softmax', ['z'], ['y']),
  ];
  const [mean, variance] = [normal(5), normal(5).map((x) => 1 + x * x)];
  const parameters = {
    w1: floats([width, 5], normal(width * 5)),
    b1: floats([5], normal(5)),
    s: floats(
      [5],
      normal(5).map((x) => 1 + x / 4),
    ),
    t: floats([5], normal(5)),
    w2: floats([7, 5], normal(35)),
    b2: floats([7], normal(7)),
    w3: floats([7, classes], normal(7 * classes)),
    b3: floats([classes], normal(classes)),
  };
  const tail = tailOf([width], nodes, 'z', parameters, { mean: floats([5], mean), variance: floats([5], variance) });
  const forward: Model = (x, p) => {
    const dense = (h: Tf, w: Tf, b: Tf, transposed = false) => tf.add(tf.matMul(h as never, w as never, false, transposed), b);
    const a = dense(x, p.w1 as Tf, p.b1 as Tf);
    const n = tf.add(tf.mul(tf.div(tf.sub(a, tf.tensor(mean)), tf.sqrt(tf.add(tf.tensor(variance), 1e-3))), p.s as Tf), p.t as Tf);
    return dense(tf.tanh(dense(tf.relu(n), p.w2 as Tf, p.b2 as Tf, true)), p.w3 as Tf, p.b3 as Tf);
  };
  return { tail, forward };
}

beforeAll(() => tf.setBackend('cpu'));

describe('50 steps of a compiled epoch agree with TensorFlow.js', () => {
  it('linear head, AdamW', async () => {
    const tail = head();
    expectSame(await train(tail, options({}), run), reference(tail, linear, plain, tf.train.adam(0.05, 0.9, 0.999, 1e-8)));
  });

  it('linear head, SGD with momentum', async () => {
    const tail = head();
    expectSame(await train(tail, options({}, sgd), run), reference(tail, linear, plain, tf.train.momentum(0.05, 0.9)));
  });

  it('multilayer tail with batch normalization, both optimizers', async () => {
    const { tail, forward } = multilayer();
    // Adam's epsilon is larger here: at 1e-8 the sign of a vanishing gradient, and so rounding, decides whole steps.
    const epsilon = 1e-3;
    expectSame(
      await train(tail, options({}, { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon, decay: 0 }), run),
      reference(tail, forward, plain, tf.train.adam(0.05, 0.9, 0.999, epsilon)),
    );
    expectSame(await train(tail, options({}, sgd), run), reference(tail, forward, plain, tf.train.momentum(0.05, 0.9)));
  });

  it('label smoothing, sample weights and class weights', async () => {
    const tail = head();
    const classWeights = [1, 2, 0.5, 1];
    const weights = labels.map((_, index) => 0.5 + (index % 3));
    const omega = labels.map((label, index) => (classWeights[label] as number) * (weights[index] as number));
    const mean = omega.reduce((a, b) => a + b, 0) / count;
    const loss: Loss = (z, rows) => {
      const w = tf.tensor(rows.map((row) => (omega[row] as number) / mean / batch));
      return tf.sum(tf.mul(w, crossEntropy(labelRows(rows, 0.1), z)));
    };
    const actual = await train(tail, options({ smoothing: 0.1, classWeights }), { ...run, weights });
    expectSame(actual, reference(tail, linear, loss, tf.train.adam(0.05, 0.9, 0.999, 1e-8)));
  });

  it.each([1, 3])('distillation at temperature %d, and L2-SP', async (temperature) => {
    const tail = head();
    const teacher = normal(count * classes, 2);
    const share = labels.map((_, index) => (index % 2) * 0.4);
    const initial = tail.model.graph.initializers;
    const base = Object.fromEntries(
      [...initial].map(([name, tensor]) => [`base/${name}`, { ...tensor, data: Float32Array.from(normal(tensor.data.length)) }]),
    );
    const loss: Loss = (z, rows, p) => {
      const taught = tf.softmax(tf.div(tf.tensor(rows.map((row) => teacher.slice(row * classes, (row + 1) * classes))), temperature));
      const s = tf.tensor(rows.map((row) => share[row] as number));
      const own = tf.mul(tf.sub(1, s), crossEntropy(labelRows(rows), z));
      const mixed = tf.add(own, tf.mul(tf.mul(s, temperature ** 2), crossEntropy(taught, tf.div(z, temperature))));
      const away = ['w', 'b'].map((name) => tf.sum(tf.square(tf.sub(p[name] as Tf, asTensor(base[`base/${name}`] as Tensor)))));
      return tf.add(tf.mean(mixed), tf.mul(0.05, tf.add(away[0] as Tf, away[1] as Tf)));
    };
    const extra = { ...base, teacher: floats([count, classes], teacher), share: floats([count], share) };
    const actual = await train(tail, options({ distillation: { temperature }, anchor: 0.1 }), { ...run, extra });
    expectSame(actual, reference(tail, linear, loss, tf.train.adam(0.05, 0.9, 0.999, 1e-8)));
  });

  it('sigmoid loss, every class for itself', async () => {
    const tail = head();
    const loss: Loss = (z, rows) => tf.mean(tf.sum(tf.sub(tf.softplus(z), tf.mul(labelRows(rows), z)), 1));
    expectSame(await train(tail, options({ kind: 'sigmoid' }), run), reference(tail, linear, loss, tf.train.adam(0.05, 0.9, 0.999, 1e-8)));
  });

  it('a large parameter is updated alone, the small ones together', async () => {
    const [inner, nodes] = [
      3000,
      [node('Gemm', ['x', 'w1', 'b1'], ['a']), node('Relu', ['a'], ['h']), node('Gemm', ['h', 'w2', 'b2'], ['z'])],
    ];
    const parameters = {
      w1: floats([width, inner], normal(width * inner, 0.5)),
      b1: floats([inner], normal(inner, 0.5)),
      w2: floats([inner, classes], normal(inner * classes, 0.05)),
      b2: floats([classes], normal(classes, 0.05)),
    };
    const tail = tailOf([width], nodes, 'z', parameters);
    expect(compileStep(tail, options({}, sgd)).state.map(({ dims }) => dims)).toEqual([
      [width, inner],
      [inner + inner * classes + classes],
    ]);
    const slow = { ...run, epochs: epochs.map((epoch) => ({ ...epoch, rate: 0.002 })) };
    const forward: Model = (x, p) => {
      const h = tf.relu(tf.add(tf.matMul(x as never, p.w1 as never), p.b1 as Tf));
      return tf.add(tf.matMul(h as never, p.w2 as never), p.b2 as Tf);
    };
    expectSame(await train(tail, options({}, sgd), slow), reference(tail, forward, plain, tf.train.momentum(0.002, 0.9)));
  });
});

describe('decoupled decay', () => {
  it.each([adamW, sgd])('shrinks weights by rate·λ a step and leaves biases alone ($kind)', async (optimizer) => {
    const tail = head();
    const zero = { ...run, weights: undefined, epochs: epochs.map((epoch) => ({ ...epoch, rate: 0.01 })) };
    // With features of zero no gradient reaches w, so only the decay moves it.
    const still = { ...zero, features: floats([count, width], 0) };
    const { weights: _none, ...plainRun } = still;
    const decayed = await train(tail, options({}, { ...optimizer, decay: 0.5 }), plainRun);
    const free = await train(tail, options({}, optimizer), plainRun);
    const w = tail.model.graph.initializers.get('w')?.data as Float32Array;
    decayed.parameters.w?.forEach((value, index) => {
      expect(value).toBeCloseTo((w[index] as number) * (1 - 0.01 * 0.5) ** 50, 5);
    });
    decayed.parameters.b?.forEach((value, index) => {
      expect(value).toBeCloseTo(free.parameters.b?.[index] as number, 6);
    });
  });
});

describe('what cannot be compiled', () => {
  it('is a tail without weights', () => {
    expect(() => compileStep(tailOf([3], [node('Relu', ['x'], ['z'])], 'z', {}), options({}))).toThrow(/no weights/);
  });

  it('is an operator without a rule, which is named', () => {
    const tail = tailOf([3], [node('Mul', ['x', 'w'], ['a']), node('Hardmax', ['a'], ['z'], {}, { name: 'odd' })], 'z', {
      w: floats([3], 1),
    });
    expect(() => compileStep(tail, options({}))).toThrow(expect.objectContaining({ code: 'operator-unsupported' }));
  });
});

function dataOf(tensor: Tensor | undefined): Float32Array {
  if (tensor === undefined) throw new Error('no such tensor');
  return tensor.data as Float32Array;
}

function asTensor(tensor: Tensor): Tf {
  return tf.tensor([...dataOf(tensor)], [...tensor.dims]);
}
