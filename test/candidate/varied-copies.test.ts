// What is learned again with copies of the captures, and by whom.

import { expect, it } from 'vitest';
import { learnWithViews } from '../../agent/candidate/varied-copies.ts';
import type { Chosen, LearnerChoice } from '../../agent/learn/choose.ts';
import { gradient } from '../../agent/learn/gradient/gradient.ts';
import { comparePaired } from '../../agent/learn/paired.ts';
import { closedForm } from '../../agent/learn/ridge/closed-form.ts';
import type { FeatureSet } from '../../agent/types.ts';

const train: FeatureSet = {
  features: Float32Array.of(1, 2),
  count: 2,
  width: 1,
  labels: Int32Array.of(0, 1),
  groups: Int32Array.of(0, 1),
};

it.each([
  ['closed-form', 'closed-form'],
  ['gradient', undefined],
] as const)('where %s won without copies, %s is asked about them', async (winner, wanted) => {
  const asked: (LearnerChoice | undefined)[] = [];
  const fitted = (rows: FeatureSet) => ({
    weights: new Map(),
    details: { rows: rows.count },
    crossValidated: Float32Array.from({ length: rows.count * 2 }, (_, at) => ((at >> 1) % 2 === at % 2 ? 1 : 0)),
  });
  const leftOut = comparePaired([true, false], [false, true]);
  const learn = async (rows: FeatureSet, settled?: LearnerChoice): Promise<Chosen> => {
    asked.push(settled);
    const depth = settled === 'closed-form' ? null : { shallow: fitted(rows), deep: fitted(rows), leftOut };
    return {
      learner: settled === 'closed-form' || winner === 'closed-form' ? closedForm : gradient,
      fitted: fitted(rows),
      reason: 'more',
      depth,
    };
  };
  const chosen = await learnWithViews(learn, train, train, 2);
  expect(asked).toEqual([undefined, wanted]);
  // The report on depth stays, with the tail that ships.
  expect(chosen).toMatchObject({
    learner: { name: winner },
    fitted: { details: { rows: 4 } },
    depth: { shallow: { details: { rows: 4 } }, leftOut },
    reason: 'more; varied copies were learned from too',
  });
});
