// The gradient learner on small problems with known answers: it learns, folds its scaling back, predicts honestly, stops, repeats itself,
// keeps what it knew, and refuses what it cannot use.
import { describe, expect, it } from 'vitest';
import { gradientDefaults } from '../../../agent/config/gradient-schema.ts';
import { gradient } from '../../../agent/learn/gradient/gradient.ts';
import { scalingOf } from '../../../agent/learn/gradient/scaling.ts';
import { attr, floats, node } from '../../../agent/onnx/made/build.ts';
import type { FeatureSet } from '../../../agent/types.ts';
import { Random } from '../../autodiff/random.ts';
import { accuracy, blobs, halves, inputOf, linear, logitsOf, normal, tailOf } from './problems.ts';

describe('the gradient learner', () => {
  it.each([20, 200, 2400])('learns a linear head from %d samples of very differently scaled features', async (count) => {
    const classes = 4;
    const [train, test] = halves(blobs(new Random(1), { count: 2 * count, width: 20, classes }));
    const tail = linear(20, classes);
    const fitted = await gradient.fit(inputOf(tail, train, classes));
    expect(accuracy(await logitsOf(tail, fitted.weights, test), test.labels, classes)).toBeGreaterThan(0.9);
    expect(fitted.crossValidated === null).toBe(count > 2000);
    if (fitted.crossValidated !== null) expect(accuracy(fitted.crossValidated, train.labels, classes)).toBeGreaterThan(0.85);
  });

  it('learns what no linear layer can, through a tail of two layers on unflattened features', async () => {
    // Exclusive or: opposite corners of a square belong together.
    const r = new Random(2);
    const count = 240;
    const labels = Int32Array.from({ length: count }, (_, row) => row % 2);
    const features = new Float32Array(count * 4);
    for (let row = 0; row < count; row += 1) {
      const first = r.flag() ? 1 : -1;
      const second = labels[row] === 0 ? first : -first;
      features.set(
        [first, second, 0, 0].map((x) => 5 * (x + 0.3 * normal(r))),
        row * 4,
      );
    }
    const train: FeatureSet = { features, count, width: 4, labels, groups: labels.map((_, row) => row) };
    const parameters = {
      w1: floats(
        [4, 24],
        Array.from({ length: 96 }, () => normal(r)),
      ),
      b1: floats([24], 0),
      w2: floats(
        [24, 2],
        Array.from({ length: 48 }, () => 0.3 * normal(r)),
      ),
      b2: floats([2], 0),
    };
    const nodes = [
      node('Flatten', ['x'], ['flat']),
      node('MatMul', ['flat', 'w1'], ['m']),
      node('Add', ['b1', 'm'], ['a']),
      node('Relu', ['a'], ['h']),
      node('Gemm', ['h', 'w2', 'b2'], ['z'], { alpha: attr.float(1) }),
    ];
    const head = { weight: 'w2', bias: 'b2', layout: 'in-out' as const, input: 'h', width: 24, classes: 2 };
    const tail = tailOf([4, 1, 1], nodes, parameters, head);
    const fitted = await gradient.fit(inputOf(tail, train, 2));
    expect([...fitted.weights.keys()].sort()).toEqual(['b1', 'b2', 'w1', 'w2']);
    expect(accuracy(await logitsOf(tail, fitted.weights, train, [4, 1, 1]), labels, 2)).toBeGreaterThan(0.95);
    expect(accuracy(fitted.crossValidated as Float32Array, labels, 2)).toBeGreaterThan(0.93);
  });

  it('has nothing good to say of labels that mean nothing', async () => {
    const r = new Random(3);
    const set = blobs(r, { count: 120, width: 30, classes: 3 });
    const train = { ...set, labels: set.labels.map(() => r.int(0, 2)) };
    const fitted = await gradient.fit(inputOf(linear(30, 3), train, 3));
    expect(accuracy(fitted.crossValidated as Float32Array, train.labels, 3)).toBeLessThan(0.5);
  });

  it('never predicts a row with the help of its own group', async () => {
    // Each group repeats one point with one random label: only a leak could predict it.
    const r = new Random(4);
    const [groups, repeats, width] = [30, 4, 16];
    const points = Array.from({ length: groups }, () => Array.from({ length: width }, () => normal(r)));
    const label = points.map(() => r.int(0, 1));
    const rows = Array.from({ length: groups * repeats }, (_, row) => Math.floor(row / repeats));
    const train: FeatureSet = {
      features: Float32Array.from(rows.flatMap((group) => points[group] as number[])),
      count: rows.length,
      width,
      labels: Int32Array.from(rows, (group) => label[group] as number),
      groups: Int32Array.from(rows),
    };
    const fitted = await gradient.fit(inputOf(linear(width, 2), train, 2));
    expect(accuracy(fitted.crossValidated as Float32Array, train.labels, 2)).toBeLessThan(0.7);
  });

  it('gives the same weights for the same seed, and others for another', async () => {
    const train = blobs(new Random(6), { count: 60, width: 8, classes: 3, noise: 1.5 });
    const bytes = async (seed: number) =>
      Array.from((await gradient.fit(inputOf(linear(8, 3), train, 3, { seed }))).weights.get('w')?.data as Float32Array);
    const first = await bytes(1);
    expect(await bytes(1)).toEqual(first);
    expect(await bytes(2)).not.toEqual(first);
  });

  it('works from one group, and where a class has a single sample', async () => {
    const set = blobs(new Random(7), { count: 5, width: 6, classes: 2 });
    const burst = { ...set, groups: set.groups.map(() => 0) };
    const fitted = await gradient.fit(inputOf(linear(6, 2), burst, 2));
    expect(fitted.crossValidated).toBeNull();
    const lonely = { ...set, labels: Int32Array.of(0, 0, 0, 0, 1) };
    const other = await gradient.fit(inputOf(linear(6, 2), lonely, 2));
    expect(other.crossValidated?.length).toBe(10);
    for (const { weights } of [fitted, other])
      for (const { data } of weights.values()) expect((data as Float32Array).every(Number.isFinite)).toBe(true);
  });

  it('stays nearer to weights that know something, the less a personal sample counts', async () => {
    const r = new Random(8);
    const base = Array.from({ length: 3 * 10 }, () => normal(r));
    const train = blobs(new Random(9), { count: 60, width: 10, classes: 3, scales: false });
    const distance = async (personalWeight: number) => {
      const { weights, details } = await gradient.fit(inputOf(linear(10, 3, base), train, 3, { personalWeight }));
      expect(details.knownClasses).toBe(3);
      const data = weights.get('w')?.data as Float32Array;
      return Math.hypot(...data.map((w, at) => w - (base[at] as number)));
    };
    const [light, usual, heavy] = [await distance(0.01), await distance(1), await distance(100)];
    expect(light).toBeLessThan(usual / 2);
    expect(usual).toBeLessThan(heavy * 1.001);
  });

  it('stops when told, and reports where it stands', async () => {
    const train = blobs(new Random(10), { count: 100, width: 8, classes: 2 });
    const abort = new AbortController();
    const seen: number[] = [];
    const progress = (done: number, total: number | null) => {
      expect(done).toBeLessThanOrEqual(total ?? 0);
      seen.push(done);
      if (seen.length === 3) abort.abort(new Error('enough'));
    };
    await expect(gradient.fit(inputOf(linear(8, 2), train, 2, { progress, signal: abort.signal }))).rejects.toThrow('enough');
    expect(seen.length).toBe(3);
  });

  it('names a feature that is not a number, and a fit that will not converge at any rate', async () => {
    const set = blobs(new Random(11), { count: 20, width: 5, classes: 2 });
    const broken = { ...set, features: set.features.with(7, Number.NaN) };
    await expect(gradient.fit(inputOf(linear(5, 2), broken, 2))).rejects.toMatchObject({
      code: 'training-diverged',
      message: expect.stringMatching(/feature 2 of sample 1/),
    });
    const tail = linear(5, 2, [Number.NaN, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    await expect(gradient.fit(inputOf(tail, set, 2))).rejects.toMatchObject({ code: 'training-diverged' });
  });
});

describe('with little memory', () => {
  const tail = tailOf(
    [4, 10, 10],
    [
      node('Conv', ['x', 'k'], ['c']),
      node('GlobalAveragePool', ['c'], ['p']),
      node('Flatten', ['p'], ['f']),
      node('Gemm', ['f', 'w'], ['z']),
    ],
    { k: floats([64, 4, 1, 1], 0.1), w: floats([64, 2], 0.1) },
    null,
  );
  const train = blobs(new Random(3), { count: 60, width: 400, classes: 2, scales: false });
  const within = (memoryMegabytes: number) =>
    gradient.fit(inputOf(tail, train, 2, { settings: { ...gradientDefaults, epochs: 2, memoryMegabytes } }));

  it('trains in smaller batches', async () => {
    expect((await within(1000)).details.batch).toBe(32);
    const { batch } = (await within(1.2)).details;
    expect(batch).toBeLessThan(32);
    expect(batch).toBeGreaterThanOrEqual(4);
  });

  it('refuses by name what does not fit at all, before it begins', async () => {
    await expect(within(0.05)).rejects.toMatchObject({ code: 'memory-short', message: expect.stringMatching(/0 MB are available/) });
  });
});

describe('scaling', () => {
  it.each([
    ['a transposed Gemm', { transB: 1 }, [3, 5]],
    ['a Gemm with α and β', { alpha: attr.float(0.5), beta: attr.float(2) }, [5, 3]],
  ] as const)('changes the weights of %s so that nothing changes', async (_what, attributes, dims) => {
    const r = new Random(12);
    const set = blobs(r, { count: 12, width: 5, classes: 3 });
    const parameters = {
      w: floats(
        dims,
        Array.from({ length: 15 }, () => normal(r)),
      ),
      b: floats([3], [1, 2, 3]),
    };
    const tail = tailOf([5], [node('Gemm', ['x', 'w', 'b'], ['z'], attributes)], parameters, null);
    const scaling = scalingOf(tail, set);
    expect(scaling.isScaled).toBe(true);
    const raw = new Map(Object.entries(parameters));
    const before = await logitsOf(tail, raw, set);
    const inside = await logitsOf(tail, scaling.scale(raw), { ...set, features: scaling.features });
    const after = await logitsOf(tail, scaling.unscale(scaling.scale(raw)), set);
    const size = Math.max(...before.map(Math.abs));
    before.forEach((logit, at) => {
      expect(Math.abs((inside[at] as number) - logit) / size).toBeLessThan(1e-5);
      expect(Math.abs((after[at] as number) - logit) / size).toBeLessThan(1e-5);
    });
  });

  it('only scales where there is no bias, and leaves a tail alone that begins otherwise', () => {
    const set = blobs(new Random(13), { count: 12, width: 5, classes: 3 });
    const w = floats([5, 3], 1);
    const unbiased = scalingOf(tailOf([5], [node('MatMul', ['x', 'w'], ['z'])], { w }, null), set);
    expect(unbiased.isScaled).toBe(true);
    // Not centred: all values of these columns are on one side.
    expect(unbiased.features.filter((x) => x > 0).length).toBeGreaterThan(50);
    const other = scalingOf(tailOf([5], [node('Relu', ['x'], ['h']), node('MatMul', ['h', 'w'], ['z'])], { w }, null), set);
    expect(other.isScaled).toBe(false);
    expect(other.features).toBe(set.features);
  });
});
