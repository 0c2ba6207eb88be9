import { describe, expect, it } from 'vitest';
import { evaluate, hits } from '../../../agent/learn/evaluate.ts';
import type { FittedTail, LearnerInput } from '../../../agent/learn/learner.ts';
import { closedForm } from '../../../agent/learn/ridge/closed-form.ts';
import { gatherStatistics, oneHot } from '../../../agent/learn/ridge/gather.ts';
import { takeRows } from '../../../agent/learn/splits.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import type { FloatTail } from '../../../agent/onnx/surgery/tail.ts';
import { withWeights } from '../../../agent/onnx/weights.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { openSession } from '../../../agent/runtime/session.ts';
import type { FeatureSet } from '../../../agent/types.ts';
import { clusters, linearTail, twoLayerTail } from '../samples.ts';

const classes = 4;
const width = 24;
const train = clusters({ perClass: 15, classes, width, seed: 1, noise: 1.5 });
const test = clusters({ perClass: 200, classes, width, seed: 2, noise: 1.5 });

function input(tail: FloatTail, set: FeatureSet, more: Partial<LearnerInput> = {}): LearnerInput {
  return { tail, train: set, classes, prior: null, personalWeight: 1, seed: 1, runtime: createRuntime(), ...more };
}

/** Logits of the whole float tail with the fitted weights, by ONNX Runtime. */
async function logits(tail: FloatTail, fitted: FittedTail, set: FeatureSet): Promise<Float32Array> {
  await using session = await openSession(encodeModel(withWeights(tail, fitted.weights).model), { label: 'the fitted tail' });
  const result = await session.run({ [tail.input]: { dtype: 'float32', dims: [set.count, set.width], data: set.features } });
  return result[tail.output]!.data as Float32Array;
}

const judged = async (tail: FloatTail, fitted: FittedTail, set: FeatureSet) =>
  evaluate({ logits: await logits(tail, fitted, set), labels: set.labels, classes });

describe('the closed form', () => {
  it.each(['in-out', 'out-in'] as const)('learns classes that it has not seen, layout %s, with honest confidences', async (layout) => {
    const tail = linearTail(width, classes, { layout });
    const fitted = await closedForm.fit(input(tail, train));
    const { accuracy, calibrationError } = await judged(tail, fitted, test);
    expect(accuracy.value).toBeGreaterThan(0.8);
    expect(calibrationError).toBeLessThan(0.08);
    const leftOut = evaluate({ logits: fitted.crossValidated!, labels: train.labels, classes });
    expect(Math.abs(leftOut.accuracy.value - accuracy.value)).toBeLessThan(0.12);
  });

  it('gives the same weights with all class logits moved alike: they sum to zero over the classes', async () => {
    const fitted = await closedForm.fit(input(linearTail(width, classes, { layout: 'in-out' }), train));
    const weight = fitted.weights.get('w')!.data as Float32Array;
    for (let row = 0; row < width; row += 1)
      expect(Math.abs(weight.subarray(row * classes, (row + 1) * classes).reduce((a, b) => a + b, 0))).toBeLessThan(1e-5);
  });

  it('needs no bias in the layer', async () => {
    const tail = linearTail(width, classes, { bias: false });
    const fitted = await closedForm.fit(input(tail, train));
    expect([...fitted.weights.keys()]).toEqual(['w']);
    expect((await judged(tail, fitted, test)).accuracy.value).toBeGreaterThan(0.8);
  });

  it('trains the head behind a frozen layer', async () => {
    const tail = twoLayerTail(width, 60, classes, 4);
    const fitted = await closedForm.fit(input(tail, train));
    expect([...fitted.weights.keys()].sort()).toEqual(['b', 'w']);
    expect((await judged(tail, fitted, test)).accuracy.value).toBeGreaterThan(0.75);
  });

  it('agrees with itself where many samples switch it to statistics', async () => {
    const tail = linearTail(width, classes);
    const few = takeRows(
      test,
      Array.from({ length: 48 }, (_, at) => (at * 16) % test.count),
    );
    const dual = await closedForm.fit(input(tail, few));
    const primal = await closedForm.fit(input(tail, { ...test }));
    expect(dual.details.form).toBe('dual');
    expect(primal.details.form).toBe('primal');
    expect((await judged(tail, primal, train)).accuracy.value).toBeGreaterThan(0.85);
  });

  it('keeps base weights where two samples a class say little, and leaves them where they are wrong', async () => {
    const good = await closedForm.fit(input(linearTail(width, classes), test));
    const base = linearTail(width, classes, { weight: good.weights.get('w')!.data as Float32Array });
    const bad = linearTail(width, classes, { weight: (good.weights.get('w')!.data as Float32Array).map((value) => -value) });
    const few = takeRows(train, [0, 1, 2, 15, 16, 17, 30, 31, 32, 45, 46, 47]);
    const blank = await judged(linearTail(width, classes), await closedForm.fit(input(linearTail(width, classes), few)), test);
    const drawn = await judged(base, await closedForm.fit(input(base, few)), test);
    const misled = await closedForm.fit(input(bad, few));
    expect(drawn.accuracy.value).toBeGreaterThan(blank.accuracy.value + 0.02);
    expect(misled.details.baseKept).toBe(0);
    expect((await judged(bad, misled, test)).accuracy.value).toBeCloseTo(blank.accuracy.value, 1);
  });

  it('with statistics of the base classes, learns a new class and forgets none', async () => {
    const isOld = (label: number | undefined) => label !== 3;
    const known = takeRows(
      test,
      Array.from({ length: test.count }, (_, row) => row).filter((row) => isOld(test.labels[row])),
    );
    const fresh = takeRows(
      train,
      Array.from({ length: train.count }, (_, row) => row).filter((row) => !isOld(train.labels[row])),
    );
    const prior = await gatherStatistics(known, oneHot(known.labels, classes), classes, createRuntime());
    const tail = linearTail(width, classes);
    const fitted = await closedForm.fit(input(tail, fresh, { prior, personalWeight: 3 }));
    const all = clusters({ perClass: 100, classes, width, seed: 5, noise: 1.5 });
    const { recall } = await judged(tail, fitted, all);
    for (const share of recall) expect(share).toBeGreaterThan(0.7);
  });

  it('forgets exactly: without a sample it gives what never saw it', async () => {
    const tail = linearTail(width, classes);
    const without = takeRows(train, Array.from({ length: train.count }, (_, row) => row).slice(1));
    const again = takeRows(
      without,
      Array.from({ length: without.count }, (_, row) => row),
    );
    const [one, other] = [await closedForm.fit(input(tail, without)), await closedForm.fit(input(tail, again))];
    expect(one.weights).toEqual(other.weights);
  });

  it('takes one sample a class, and a set that is one group, without evidence of its own', async () => {
    const tail = linearTail(width, classes);
    const single = takeRows(train, [0, 15, 30, 45]);
    const fitted = await closedForm.fit(input(tail, single));
    expect(hits(await logits(tail, fitted, single), single.labels, classes)).toEqual([true, true, true, true]);
    const oneGroup = await closedForm.fit(input(tail, { ...train, groups: new Int32Array(train.count) }));
    expect(oneGroup.crossValidated).toBeNull();
  });

  it('takes rows that are all alike, and stops when it is told to', async () => {
    const tail = linearTail(width, classes);
    const flat = { ...train, features: new Float32Array(train.features.length).fill(1) };
    const fitted = await closedForm.fit(input(tail, flat));
    expect((fitted.weights.get('w')!.data as Float32Array).every(Number.isFinite)).toBe(true);
    await expect(closedForm.fit(input(tail, train, { signal: AbortSignal.abort() }))).rejects.toThrow(/abort/i);
  });
});
