// The choice between learners: left-out predictions decide, the first one wins ties, and one layer needs no second opinion.

import { expect, it } from 'vitest';
import { fitBest } from '../../agent/learn/choose.ts';
import { gradient } from '../../agent/learn/gradient/gradient.ts';
import type { Learner, LearnerInput } from '../../agent/learn/learner.ts';
import { closedForm } from '../../agent/learn/ridge/closed-form.ts';
import type { FloatTail } from '../../agent/onnx/surgery/tail.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { clusters, linearTail, twoLayerTail } from './samples.ts';

const [classes, width] = [3, 8];
const train = clusters({ perClass: 6, classes, width, seed: 1 });
const inputOf = (tail: FloatTail): LearnerInput => ({
  tail,
  train,
  classes,
  prior: null,
  personalWeight: 1,
  seed: 1,
  runtime: createRuntime(),
});

/** A learner that is right on the first `right` left-out rows; how well it learns is what the test says. */
const rightOn = (name: Learner['name'], right: number | null): Learner => ({
  ...(name === 'gradient' ? gradient : closedForm),
  fit: async () => ({
    weights: new Map(),
    details: {},
    crossValidated:
      right === null
        ? null
        : Float32Array.from({ length: train.count * classes }, (_, at) => {
            const [row, label] = [Math.floor(at / classes), at % classes];
            return (row < right ? train.labels[row]! : (train.labels[row]! + 1) % classes) === label ? 1 : 0;
          }),
  }),
});

const deep = twoLayerTail(width, 12, classes, 4);
const chosen = async (first: number | null, second: number | null, tail = deep) =>
  (await fitBest('auto', [rightOn('closed-form', first), rightOn('gradient', second)], inputOf(tail))).learner.name;

it('takes the learner that is clearly better on left-out rows; ties and unknowns go to the first', async () => {
  expect(await chosen(12, 15)).toBe('gradient');
  expect(await chosen(15, 12)).toBe('closed-form');
  expect(await chosen(12, 12)).toBe('closed-form');
  expect(await chosen(null, 18)).toBe('closed-form');
  expect(await chosen(12, null)).toBe('closed-form');
});

it('asks for no second opinion where the closed form is exact', async () => {
  expect(await chosen(0, 18, linearTail(width, classes))).toBe('closed-form');
});

it('obeys a wish, and refuses one that cannot be', async () => {
  for (const learner of [closedForm, gradient])
    expect((await fitBest(learner.name, [closedForm, gradient], inputOf(linearTail(width, classes)))).learner.name).toBe(learner.name);
  const headless = { ...deep, head: null };
  await expect(fitBest('closed-form', [closedForm], inputOf(headless))).rejects.toMatchObject({ code: 'model-unsupported' });
  expect((await fitBest('auto', [rightOn('closed-form', 18), rightOn('gradient', 0)], inputOf(headless))).learner.name).toBe('gradient');
});

it('compares on the rows that both left out, and says what depth bought', async () => {
  const deepOnly = async (rows: readonly number[]) => {
    const fit = await rightOn('gradient', 18).fit({} as LearnerInput);
    const logits = Float32Array.from(rows.flatMap((row) => Array.from(fit.crossValidated!.subarray(row * classes, (row + 1) * classes))));
    return { ...gradient, fit: async () => ({ ...fit, crossValidated: null, heldOut: { rows, logits } }) };
  };
  // The closed form is right on rows 0 to 11 of all; on 12 to 17 only the other one is.
  const half = await fitBest('auto', [rightOn('closed-form', 12), await deepOnly([0, 1, 12, 13, 14, 15])], inputOf(deep));
  expect(half).toMatchObject({
    learner: { name: 'gradient' },
    depth: { leftOut: { first: { value: 2 / 6, samples: 6 }, second: { value: 1 }, gain: 4 / 6 } },
  });
  const wanted = await fitBest('gradient', [rightOn('closed-form', 12), await deepOnly([0, 1])], inputOf(deep));
  expect(wanted).toMatchObject({ learner: { name: 'gradient' }, depth: { leftOut: { gain: 0 } } });
  expect(await fitBest('auto', [rightOn('closed-form', 12), await deepOnly([0, 1])], inputOf(deep))).toMatchObject({
    learner: { name: 'closed-form' },
  });
});

it('does not try several layers where the last one alone is never wrong, unless they are asked for', async () => {
  let tried = 0;
  const counted: Learner = {
    ...gradient,
    fit: (input) => {
      tried += 1;
      return rightOn('gradient', 18).fit(input);
    },
  };
  const learners = [rightOn('closed-form', train.count), counted];
  expect(await fitBest('auto', learners, inputOf(deep))).toMatchObject({ learner: { name: 'closed-form' }, depth: null });
  expect(tried).toBe(0);
  expect(await fitBest('gradient', learners, inputOf(deep))).toMatchObject({ learner: { name: 'gradient' } });
  expect(tried).toBe(1);
});
