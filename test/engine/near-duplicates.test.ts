import { describe, expect, it } from 'vitest';
import { createNearDuplicates } from '../../agent/engine/near-duplicates.ts';
import { clockAt } from '../store/fixtures.ts';

const said = (hash: bigint, label = 'cat', confidence = 0.9) => ({
  features: Float32Array.of(1),
  answer: { kind: 'classes' as const, scores: [{ label, confidence }] },
  hash,
  release: 'base',
  latencyMs: 1,
});

function setUp(windowSeconds = 60) {
  const clock = clockAt();
  return { clock, near: createNearDuplicates({ windowSeconds, distance: 4, sureFrom: 0.6 }, clock) };
}

describe('a near-duplicate', () => {
  it.each([
    ['the same picture, the same answer', said(0b1111n), true],
    ['nearly the same picture', said(0b0111n), true],
    ['another picture', said(0xffff_0000n), false],
    ['another answer on the same picture', said(0b1111n, 'dog'), false],
    ['an unsure answer on the same picture', said(0b1111n, 'cat', 0.5), false],
  ])('%s: %#', (_, inferred, expected) => {
    const { near } = setUp();
    near.stored('door', said(0b1111n));
    expect(near.isDuplicate('door', inferred)).toBe(expected);
    expect(near.isDuplicate('yard', inferred)).toBe(false);
  });

  it('ends with the time that passed, not with the clock', () => {
    const { near, clock } = setUp();
    near.stored('door', said(1n));
    clock.nowMs += 365 * 86_400_000;
    expect(near.isDuplicate('door', said(1n))).toBe(true);
    clock.nowMs = 0;
    clock.livedMs += 61_000;
    expect(near.isDuplicate('door', said(1n))).toBe(false);
  });

  it('is not looked for where the window is 0', () => {
    const { near } = setUp(0);
    near.stored('door', said(1n));
    expect(near.isDuplicate('door', said(1n))).toBe(false);
  });
});
