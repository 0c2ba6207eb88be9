// Features as sensors give them: far from zero, of very different sizes, constant, not numbers. Each learns as well as it would about zero, or ends by name.

import { describe, expect, it } from 'vitest';
import { fitNormal, scoreAll } from '../../agent/learn/anomaly/anomaly.ts';
import { rankingQuality } from '../../agent/learn/anomaly/ranking.ts';
import { fitBest } from '../../agent/learn/choose.ts';
import { evaluate } from '../../agent/learn/evaluate.ts';
import { gradient } from '../../agent/learn/gradient/gradient.ts';
import type { Learner } from '../../agent/learn/learner.ts';
import { closedForm } from '../../agent/learn/ridge/closed-form.ts';
import { gatherStatistics, oneHot } from '../../agent/learn/ridge/gather.ts';
import { priorFrom } from '../../agent/learn/ridge/keep-known.ts';
import { fitRegression } from '../../agent/learn/ridge/regression.ts';
import { addStatistics, type Statistics } from '../../agent/learn/ridge/statistics.ts';
import { fitScale } from '../../agent/learn/temperature.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import type { FeatureSet } from '../../agent/types.ts';
import { clusters, linearTail, randomizer } from './samples.ts';

const width = 24;
const moved = (set: FeatureSet, by: number): FeatureSet => ({ ...set, features: set.features.map((value) => value + by) });
const learnFrom = (train: FeatureSet, classes: number) => ({
  tail: linearTail(train.width, classes),
  train,
  classes,
  prior: null,
  personalWeight: 1,
  seed: 1,
  runtime: createRuntime(),
});

describe('a mean of 1000 with a spread of 1', () => {
  it.each([15, 100])('is learned by the closed form as a mean of 0 is, from %d rows a class', async (perClass) => {
    const train = clusters({ perClass, classes: 4, width, seed: 1, noise: 1.5 });
    const share = async (set: FeatureSet) => {
      const { crossValidated } = await closedForm.fit(learnFrom(set, 4));
      return evaluate({ logits: crossValidated!, labels: set.labels, classes: 4 }).accuracy.value;
    };
    expect(Math.abs((await share(moved(train, 1000))) - (await share(train)))).toBeLessThan(0.03);
  });

  it.each(['in one go', 'in two, a little apart'])('is held by statistics, gathered %s, as a mean of 0 is', async (how) => {
    const classes = 4;
    const [known, more] = [7, 8].map((seed) => clusters({ perClass: 150, classes, width, seed, noise: 1.5 }));
    const train = clusters({ perClass: 6, classes, width, seed: 1, noise: 1.5 });
    const test = clusters({ perClass: 250, classes, width, seed: 2, noise: 1.5 });
    const sums = (set: FeatureSet) => gatherStatistics(set, oneHot(set.labels, classes), classes, createRuntime());
    const fitted = async (by: number) => {
      const first = await sums(moved(known!, by));
      const prior: Statistics = how === 'in one go' ? first : addStatistics(first, await sums(moved(more!, by + 0.25)));
      const input = { ...learnFrom(moved(train, by), classes), prior: priorFrom(prior, classes), personalWeight: 3 };
      return closedForm.fit(input);
    };
    const [near, far] = [await fitted(0), await fitted(1000)];
    const [a, b] = [near.crossValidated!, far.crossValidated!];
    for (const [at, logit] of a.entries()) expect(b[at]).toBeCloseTo(logit, 1);
    const share = ({ weights }: typeof near, by: number) => {
      const [w, bias] = [weights.get('w')!.data as Float32Array, weights.get('b')!.data as Float32Array];
      const logits = new Float32Array(test.count * classes);
      for (let row = 0; row < test.count; row += 1)
        for (let label = 0; label < classes; label += 1) {
          let sum = bias[label]!;
          for (let at = 0; at < width; at += 1) sum += w[label * width + at]! * (test.features[row * width + at]! + by);
          logits[row * classes + label] = sum;
        }
      return evaluate({ logits, labels: test.labels, classes }).accuracy.value;
    };
    expect(share(near, 0)).toBeGreaterThan(0.6);
    expect(Math.abs(share(far, 1000) - share(near, 0))).toBeLessThan(0.02);
  });

  it('ranks anomalies as a mean of 0 does', async () => {
    const usual = clusters({ perClass: 120, classes: 1, width, seed: 5 });
    const odd = moved(clusters({ perClass: 60, classes: 1, width, seed: 6 }), 0.45);
    const quality = async (by: number) => {
      const { normal } = (await fitNormal(moved(usual, by), usual.groups, { falseAlarms: 0.05, seed: 1, runtime: createRuntime() }))!;
      return rankingQuality(
        await scoreAll(normal, moved(usual, by), createRuntime()),
        await scoreAll(normal, moved(odd, by), createRuntime()),
      );
    };
    expect(Math.abs((await quality(1000)) - (await quality(0)))).toBeLessThan(0.02);
  });

  it.each([40, 700])('is regressed as a mean of 0 is, from %d rows', async (count) => {
    const set = clusters({ perClass: count, classes: 1, width, seed: 7 });
    const targets = Float32Array.from({ length: count }, (_, row) => set.features[row * width]! - 2 * set.features[row * width + 3]!);
    const error = async (by: number) => {
      const { leftOut } = (await fitRegression({
        rows: moved(set, by),
        groups: set.groups,
        targets,
        columns: 1,
        seed: 1,
        runtime: createRuntime(),
      }))!;
      return leftOut.reduce((sum, value, row) => sum + (value - targets[row]!) ** 2, 0) / count;
    };
    expect(await error(1000)).toBeLessThan((await error(0)) + 0.01);
  });
});

it('learns where one direction outweighs all others a thousand times', async () => {
  const next = randomizer(3);
  const [count, wide] = [200, 128];
  const labels = Int32Array.from({ length: count }, (_, row) => row % 2);
  const strong = Float32Array.from({ length: wide }, () => next() - 0.5);
  const features = new Float32Array(count * wide);
  for (let row = 0; row < count; row += 1) {
    const far = 2000 * (next() - 0.5);
    for (let at = 0; at < wide; at += 1) features[row * wide + at] = far * strong[at]! + (at < 4 ? labels[row]! : 0) + 0.1 * (next() - 0.5);
  }
  const train = { features, count, width: wide, labels, groups: Int32Array.from({ length: count }, (_, row) => row) };
  const { crossValidated } = await closedForm.fit(learnFrom(train, 2));
  expect(evaluate({ logits: crossValidated!, labels, classes: 2 }).accuracy.value).toBeGreaterThan(0.9);
});

it.each([1, 2, 3, 4])('finds what tells a few rows apart where nothing shows at the usual λ (draw %d)', async (seed) => {
  const next = randomizer(seed);
  const normal = () => next() + next() + next() + next() - 2;
  const [classes, perClass, inner, wide] = [5, 5, 16, 64];
  const numbers = (count: number) => Float32Array.from({ length: count }, normal);
  const [common, along, own, centres] = [numbers(wide), numbers(inner), numbers(inner * wide), numbers(classes * inner)];
  const count = classes * perClass;
  const features = new Float32Array(count * wide);
  for (let row = 0; row < count; row += 1) {
    const x = numbers(inner).map((value, at) => centres[(row % classes) * inner + at]! + 0.5 * value);
    for (const [from, value] of x.entries())
      for (let at = 0; at < wide; at += 1)
        features[row * wide + at]! += value * (along[from]! * (1 + common[at]!) + 0.01 * own[from * wide + at]!);
  }
  const labels = Int32Array.from({ length: count }, (_, row) => row % classes);
  const { crossValidated } = await closedForm.fit(
    learnFrom({ features, count, width: wide, labels, groups: Int32Array.from(labels.keys()) }, classes),
  );
  expect(evaluate({ logits: crossValidated!, labels, classes }).accuracy.value).toBeGreaterThan(0.8);
});

it('constant features give finite weights', async () => {
  const set = clusters({ perClass: 10, classes: 3, width, seed: 1 });
  const { weights } = await closedForm.fit(learnFrom({ ...set, features: set.features.fill(7) }, 3));
  for (const { data } of weights.values()) expect((data as Float32Array).every(Number.isFinite)).toBe(true);
});

it('features that are not numbers end by name, or with the other learner', async () => {
  const set = clusters({ perClass: 10, classes: 3, width, seed: 1 });
  set.features[5] = Number.NaN;
  await expect(closedForm.fit(learnFrom(set, 3))).rejects.toMatchObject({ code: 'training-diverged' });
  const other: Learner = { ...gradient, fit: async () => ({ weights: new Map(), details: {}, crossValidated: null }) };
  expect(await fitBest('auto', [closedForm, other], learnFrom(set, 3))).toMatchObject({ learner: { name: 'gradient' } });
});

it('confidence grows with moments, not with rows that say one thing many times', () => {
  const labels = Array.from({ length: 40 }, (_, row) => row % 2);
  const logits = Float32Array.from(labels.flatMap((label) => [label === 0 ? 1 : 0, label === 1 ? 1 : 0]));
  const scale = (moments: number) => fitScale({ logits, labels, classes: 2, moments });
  expect(scale(4)).toBeLessThan(scale(40));
  expect(scale(40)).toBe(fitScale({ logits, labels, classes: 2 }));
});
