// What a user may say about gradient steps: how the rate runs, what is mixed, held back, frozen or left out for want of memory. Each setting by
// its effect on a fit; wrong ones are named.

import { describe, expect, it } from 'vitest';
import { type GradientSettings, gradientDefaults, parseGradientSettings } from '../../../agent/config/gradient-schema.ts';
import { gradient } from '../../../agent/learn/gradient/gradient.ts';
import { mixingOfEpoch, planFor, ratesOfEpoch } from '../../../agent/learn/gradient/plan.ts';
import { withinBudget, withoutLayers } from '../../../agent/learn/gradient/trained-layers.ts';
import type { Tensor } from '../../../agent/onnx/ir.ts';
import { floats } from '../../../agent/onnx/made/build.ts';
import { randomOf } from '../../../agent/random.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { clusters, twoLayerTail } from '../samples.ts';

describe('settings as text', () => {
  it('are read as JSON or as words, the others stay as they are', () => {
    expect(parseGradientSettings(['rate=0.002', 'schedule=step', 'freeze=[2, 3]', 'epochs=7'])).toEqual({
      ...gradientDefaults,
      rate: 0.002,
      schedule: 'step',
      freeze: [2, 3],
      epochs: 7,
    });
    expect(parseGradientSettings([])).toEqual(gradientDefaults);
  });

  it.each([
    ['speed=3', /speed/],
    ['rate=-1', /rate/],
    ['schedule=zigzag', /schedule/],
    ['rate', /not of the form/],
  ])('%s is refused', (pair, why) => {
    expect(() => parseGradientSettings([pair])).toThrow(why);
    expect(() => parseGradientSettings([pair])).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

describe('the rate', () => {
  const course = (schedule: GradientSettings['schedule'], warmUp: number) => {
    const plan = planFor(320, 320, null, { ...gradientDefaults, epochs: 10, rate: 1, schedule, warmUp });
    return Array.from({ length: 10 }, (_, epoch) => [...ratesOfEpoch(plan, epoch, 10)]).flat();
  };

  it('runs as the schedule says', () => {
    expect(new Set(course('constant', 0))).toEqual(new Set([1]));
    const steps = course('step', 0).map((rate) => Math.round(rate * 100) / 100);
    expect([steps[0], steps[49], steps[50], steps[74], steps[75], steps[99]]).toEqual([1, 1, 0.1, 0.1, 0.01, 0.01]);
    const cosine = course('cosine', 0);
    expect([cosine[0], cosine[50]]).toEqual([1, expect.closeTo(0.5, 6)]);
    expect(cosine[99]).toBeLessThan(0.001);
    const warm = course('constant', 0.2);
    expect([warm[0], warm[9], warm[19], warm[20]]).toEqual([expect.closeTo(0.05, 6), expect.closeTo(0.5, 6), 1, 1]);
  });
});

it.each([0.2, 1, 4])('shares of mixed samples come from Beta(α, α), α = %f, the smaller half of them', (alpha) => {
  const order = BigInt64Array.from({ length: 20_000 }, (_, at) => BigInt(at));
  const { partners, mix } = mixingOfEpoch(order, alpha, randomOf(5));
  expect([...partners].sort((a, b) => Number(a - b))).toEqual([...order]);
  expect(partners.filter((partner, at) => partner === order[at]).length).toBeLessThan(20);
  expect(mix.every((share) => share >= 0 && share <= 0.5)).toBe(true);
  // Var Beta(α, α) = 1/(4(2α + 1)), also of the distance from one half.
  const variance = mix.reduce((sum, share) => sum + (share - 0.5) ** 2, 0) / mix.length;
  expect(variance * 4 * (2 * alpha + 1)).toBeGreaterThan(0.95);
  expect(variance * 4 * (2 * alpha + 1)).toBeLessThan(1.05);
});

const [classes, width] = [3, 8];
const train = clusters({ perClass: 20, classes, width, seed: 1 });
const tail = twoLayerTail(width, 12, classes, 4);
const initially = (name: string) => (tail.model.graph.initializers.get(name) as Tensor).data as Float32Array;
const fitWith = async (settings: Partial<GradientSettings>) =>
  gradient.fit({
    ...{ tail, train, classes, prior: null, personalWeight: 1, seed: 1, runtime: createRuntime() },
    settings: { ...gradientDefaults, epochs: 8, rate: 0.02, ...settings },
  });
const dataOf = (weights: ReadonlyMap<string, Tensor>, name: string) => weights.get(name)?.data as Float32Array;
const norm = (values: Float32Array) => Math.hypot(...values);
const confidence = ({ crossValidated }: { readonly crossValidated: Float32Array | null }) => {
  const logits = crossValidated as Float32Array;
  const tops = Array.from({ length: train.count }, (_, row) => {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    const top = Math.max(...own);
    return 1 / own.reduce((sum, logit) => sum + Math.exp(logit - top), 0);
  });
  return tops.reduce((sum, value) => sum + value, 0) / tops.length;
};

describe('a fit', () => {
  it('leaves frozen layers as they are, to the bit', async () => {
    const free = await fitWith({});
    expect(dataOf(free.weights, 'v')).not.toEqual(initially('v'));
    expect(free.details.layers).toBe(2);
    const frozen = await fitWith({ freeze: [2] });
    expect(frozen.weights.has('v') ? dataOf(frozen.weights, 'v') : initially('v')).toEqual(initially('v'));
    expect(dataOf(frozen.weights, 'w')).not.toEqual(initially('w'));
    expect(frozen.details.layers).toBe(1);
    const headless = await fitWith({ freeze: [1] });
    expect(headless.weights.has('w')).toBe(false);
    expect(dataOf(headless.weights, 'v')).not.toEqual(initially('v'));
    await expect(fitWith({ freeze: [1, 2] })).rejects.toMatchObject({ code: 'model-unsupported' });
  });

  it('pulls weights to zero with decay, and doubts more with smoothed or mixed labels', async () => {
    const plain = await fitWith({ epochs: 30 });
    const decayed = await fitWith({ epochs: 30, decay: 1 });
    expect(norm(dataOf(decayed.weights, 'w'))).toBeLessThan(norm(dataOf(plain.weights, 'w')));
    expect(confidence(await fitWith({ epochs: 30, smoothing: 0.3 }))).toBeLessThan(confidence(plain) - 0.02);
    expect(confidence(await fitWith({ epochs: 30, mixup: 4 }))).toBeLessThan(confidence(plain) - 0.02);
  });

  it('takes a limit on gradients: a next to nothing moves nothing before AdamW, which only its epsilon tells', async () => {
    const plain = await fitWith({});
    const limited = await fitWith({ clip: 1e-12 });
    const moved = (weights: ReadonlyMap<string, Tensor>) => norm(dataOf(weights, 'v').map((w, at) => w - (initially('v')[at] as number)));
    expect(moved(limited.weights)).toBeLessThan(0.1 * moved(plain.weights));
  });

  it('takes as many epochs and the rate that it is told', async () => {
    const { details } = await fitWith({ epochs: 3, rate: 0.001, schedule: 'constant', warmUp: 0 });
    expect(details.rate).toBe(0.001);
    expect(details.epochs).toBeLessThanOrEqual(3);
  });
});

describe('a memory budget', () => {
  const samples = { features: floats([train.count, width], train.features), labels: train.labels };
  const options = { classes, batch: 20, runtime: createRuntime() };
  // The first layer has 96 numbers, the last one 12·3 + 3; each takes 16 bytes while it is trained.
  const megabytes = (numbers: number) => (numbers * 16) / 2 ** 20;

  it('trains what contributes most for its size, the last layer always', async () => {
    const layersIn = async (numbers: number) =>
      (await withinBudget(tail, samples, { ...options, megabytes: megabytes(numbers) })).tail.parameters.map(({ name }) => name);
    expect(await layersIn(1000)).toEqual(['v', 'w', 'b']);
    expect(await layersIn(134)).toEqual(['w', 'b']);
    expect(await layersIn(1)).toEqual(['w', 'b']);
    expect((await fitWith({ updateMegabytes: megabytes(134) })).details.layers).toBe(1);
  });

  it('measures what a layer contributes: nothing where no gradient reaches it', async () => {
    const { contributions } = await withinBudget(tail, samples, { ...options, megabytes: 1 });
    expect(contributions.map(({ layer, bytes }) => [layer, bytes])).toEqual([
      [1, 39 * 16],
      [2, 96 * 16],
    ]);
    // The head is zero, so that nothing comes through it yet.
    expect(contributions[0]!.gradient).toBeGreaterThan(0);
    expect(contributions[1]!.gradient).toBe(0);
  });
});

it('freezing counts layers from the output', () => {
  expect(withoutLayers(tail, [1]).parameters.map(({ name }) => name)).toEqual(['v']);
  expect(withoutLayers(tail, []).parameters).toHaveLength(3);
});
