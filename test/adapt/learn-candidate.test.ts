// Mirrored pictures help, except where left and right are what the classes differ in; left-out predictions of the pictures decide.

import { expect, it } from 'vitest';
import { type Lesson, learnCandidate } from '../../agent/adapt/learn-candidate.ts';
import type { AdaptOptions } from '../../agent/adapt/report.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import type { FeatureSet } from '../../agent/types.ts';
import { clusters, linearTail } from '../learn/samples.ts';

const [classes, width] = [2, 6];
const train = clusters({ perClass: 12, classes, width, seed: 3, noise: 0.3 });
const options = {
  model: '/nowhere/model.onnx',
  classes: 'replace',
  learner: 'auto',
  seed: 1,
  runtime: createRuntime(),
} as unknown as AdaptOptions;
const learnWith = (view: FeatureSet | null) =>
  learnCandidate(options, { tail: linearTail(width, classes), train, views: view === null ? [] : [view], classes } as unknown as Lesson);

it('learns from reflections too, and still predicts each picture once', async () => {
  const { reason, fitted } = await learnWith(clusters({ perClass: 12, classes, width, seed: 4, noise: 0.3 }));
  expect(reason).toContain('varied copies');
  expect(fitted.crossValidated).toHaveLength(train.count * classes);
});

it('leaves them where a reflection looks like the other class', async () => {
  const half = (train.count / 2) * width;
  const features = Float32Array.from(train.features, (_, at) => train.features[(at + half) % train.features.length]!);
  const plain = await learnWith(null);
  const { reason, fitted } = await learnWith({ ...train, features });
  expect(reason).not.toContain('varied copies');
  expect(fitted.crossValidated).toEqual(plain.fitted.crossValidated);
});
