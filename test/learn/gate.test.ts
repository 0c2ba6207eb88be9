// The gate's verdicts: every reason to refuse, and tests of significance against counts done by hand.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atLeast, type Evidence, type GateLimits, judge } from '../../agent/learn/gate.ts';

const limits: GateLimits = { confidence: 0.9, forgetting: 0.02, latencyRatio: 1.2, sizeRatio: 1.1, minPerClass: 2 };

/** `right` and `before` are strings of 1 and 0, a row each. */
function evidence(right: string, before: string | null, more: Partial<Evidence> = {}): Evidence {
  const bits = (text: string) => [...text].map((bit) => bit === '1');
  return {
    classes: ['cat', 'dog'],
    groupsPerClass: [20, 20],
    labels: [...right].map((_, row) => row % 2),
    groups: [...right].map((_, row) => row),
    candidate: bits(right),
    current: before === null ? null : bits(before),
    golden: null,
    latencyMs: null,
    sizeBytes: null,
    ...more,
  };
}

const kindOf = (given: Evidence, over: Partial<GateLimits> = {}) => judge(given, { ...limits, ...over }).kind;

describe('the gate, against the current model', () => {
  it('accepts wins that chance would hardly give: 4 of 4 has p = 1/16', () => {
    expect(judge(evidence('11110', '00000'), limits)).toEqual({
      kind: 'accepted',
      reason: 'Better: 4 of 5 right (80.0 %) against 0 of 5 right (0.0 %) of the current model; chance alone would do that with p = 0.063.',
    });
  });

  it('rejects wins that chance could give: 3 of 3 has p = 1/8, 5 of 6 has p = 7/64', () => {
    expect(judge(evidence('11100', '00000'), limits)).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('p = 0.125') });
    expect(judge(evidence('111110', '000001'), limits)).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('p = 0.109') });
    expect(kindOf(evidence('11100', '00000'), { confidence: 0.85 })).toBe('accepted');
  });

  it('rejects what is equal or worse', () => {
    expect(judge(evidence('1100', '0011'), limits)).toMatchObject({
      kind: 'rejected',
      reason: expect.stringMatching(/^Not better: 2 of 4/),
    });
    expect(kindOf(evidence('0000', '1111'))).toBe('rejected');
    expect(kindOf(evidence('1111', '1111'))).toBe('rejected');
  });

  it('counts a group of frames as one observation', () => {
    expect(kindOf(evidence('11111111', '00000000', { groups: [0, 0, 0, 0, 1, 1, 1, 1] }))).toBe('rejected');
    expect(kindOf(evidence('11111111', '00000000', { groups: [0, 0, 1, 1, 2, 2, 3, 3] }))).toBe('accepted');
  });
});

describe('the gate, where classes were replaced', () => {
  it('wants more than the most common class would reach', () => {
    expect(judge(evidence('11111111', null), limits)).toMatchObject({
      kind: 'accepted',
      reason: "Better than guessing: 8 of 8 right (100.0 %); always saying 'cat' gives 50.0 % (p = 0.004).",
    });
    expect(kindOf(evidence('11110000', null))).toBe('rejected');
    expect(kindOf(evidence('1111', null, { labels: [1, 1, 1, 1] }))).toBe('rejected');
  });
});

describe('limits come before scores', () => {
  const good = (more: Partial<Evidence>) => evidence('1111111111', '0000000000', more);

  it.each([
    ['forgets', { golden: { before: 0.9, after: 0.87, samples: 100 } }, { golden: { before: 0.9, after: 0.88, samples: 100 } }],
    ['slow', { latencyMs: { before: 40, after: 49 } }, { latencyMs: { before: 40, after: 48 } }],
    ['large', { sizeBytes: { before: 100, after: 111 } }, { sizeBytes: { before: 100, after: 110 } }],
  ])('rejects what %s, and only beyond the limit', (word, beyond, within) => {
    expect(judge(good(beyond), limits)).toMatchObject({ kind: 'rejected', reason: expect.stringContaining(word) });
    expect(kindOf(good(within))).toBe('accepted');
  });

  it('does not take the clock’s noise on a tiny model for slowness', () => {
    expect(kindOf(good({ latencyMs: { before: 0.1, after: 0.3 } }))).toBe('accepted');
    expect(kindOf(good({ latencyMs: { before: 0.1, after: 0.9 } }))).toBe('rejected');
  });

  it('waits for classes with too few moments, names at most five, and asks nothing of classes without labels', () => {
    const many = { classes: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], groupsPerClass: [1, 1, 1, 1, 1, 1, 0] };
    expect(judge(good(many), limits)).toEqual({
      kind: 'waiting',
      reason:
        "Every class needs 2 labelled samples from different moments: 'a' has 1, 'b' has 1, 'c' has 1, 'd' has 1, 'e' has 1 and 1 more.",
    });
    expect(kindOf(good({ groupsPerClass: [20, 0] }))).toBe('accepted');
    expect(kindOf(good({ groupsPerClass: [0, 0] }))).toBe('waiting');
    expect(kindOf(evidence('', ''))).toBe('waiting');
  });
});

it('sums the binomial tail', () => {
  expect(atLeast(4, 4, 0.5)).toBeCloseTo(1 / 16, 12);
  expect(atLeast(0, 0, 0.5)).toBe(1);
  expect(atLeast(2, 3, 0.25)).toBeCloseTo(3 * 0.0625 * 0.75 + 0.015625, 12);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 300 }),
      fc.integer({ min: 0, max: 300 }),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      (trials, k, p) => {
        const successes = Math.min(k, trials);
        const tail = atLeast(successes, trials, p);
        const below = 1 - atLeast(trials - successes + 1, trials, 1 - p);
        expect(tail).toBeCloseTo(successes === 0 ? 1 : below, 8);
      },
    ),
  );
});
