// The fast part of the simulation of the gate; all of it is `scripts/node scripts/gate-study.mjs`.
import { expect, it } from 'vitest';
// @ts-expect-error a script without types
import { equal, independent, share } from '../../scripts/gate-study.mjs';

it('calls equal models better on at most one device in ten over thirty trainings', { timeout: 60_000 }, () => {
  // Worst where they differ most; 400 devices: three standard errors are 4.5 points.
  expect(share(equal(0.42), 30, 400, 7)).toBeLessThan(0.145);
});

it('releases a model that is right on 85 % instead of 70 % within 100 labels', { timeout: 60_000 }, () => {
  expect(share(independent(0.7, 0.85), 10, 400, 7)).toBeGreaterThan(0.75);
});
