// The gate's verdicts: every reason to refuse, and tests of significance against counts done by hand.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type GateEvidence as Evidence, type GateLimits, judge } from '../../agent/candidate/gate.ts';
import { atLeast, levelAt } from '../../agent/learn/chance.ts';

const limits: GateLimits = { confidence: 0.9, forgetting: 0.02, latencyRatio: 1.2, sizeRatio: 1.1, minPerClass: 2, look: null };

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

  it('does not call better what chance could give: 3 of 3 has p = 1/8, 5 of 6 has p = 7/64', () => {
    expect(judge(evidence('11111110', '11110000'), limits)).toMatchObject({
      kind: 'not-worse',
      reason: expect.stringContaining('p = 0.125'),
    });
    expect(judge(evidence('1111110', '0000011'), { ...limits, look: 10 })).toMatchObject({
      kind: 'rejected',
      reason: expect.stringContaining('p = 0.109'),
    });
    expect(kindOf(evidence('11100', '00000'), { confidence: 0.85 })).toBe('accepted');
  });

  it('rejects what is worse', () => {
    expect(judge(evidence('1100', '0111'), limits)).toMatchObject({
      kind: 'rejected',
      reason: expect.stringMatching(/^Not better: 2 of 4/),
    });
    expect(kindOf(evidence('0000', '1111'))).toBe('rejected');
  });

  it('gives a person who asked what is not worse, and says what would show more; where nobody watches it wants proof', () => {
    const fifty = (wrong: number) => '0'.repeat(wrong) + '1'.repeat(50 - wrong);
    const greek = evidence(fifty(0), fifty(3));
    expect(judge(greek, limits)).toEqual({
      kind: 'not-worse',
      reason:
        'Not worse; too few to show that it is better: 50 of 50 right (100.0 %) against 47 of 50 right (94.0 %) of the current model, p = 0.125. The two differ on 3 of 50 moments, and 4 without a loss are the fewest that show anything: label more, best what the current model gets wrong.',
    });
    expect(judge(greek, { ...limits, look: 1 })).toMatchObject({ kind: 'rejected', reason: expect.stringContaining('7 without a loss') });
    expect(judge(evidence('111111111100', '001100000011'), { ...limits, look: 1 }).reason).toMatch(/about \d+ more moments would show it/);
    // Equal, and no more than a guess: labels that say nothing.
    expect(kindOf(evidence('10101010', '10101010'))).toBe('rejected');
    expect(kindOf(evidence('1111111', '1111111'))).toBe('rejected');
    expect(kindOf(evidence('1111111', '1111111'), { look: 1 })).toBe('rejected');
  });

  it('wants more, the more often it was asked', () => {
    const levels = Array.from({ length: 200 }, (_, at) => levelAt(at + 1, 0.9));
    expect(Math.max(...levels)).toBe(levels[9]);
    expect(levels.every((level) => level > 0 && level < 0.1)).toBe(true);
    expect(kindOf(evidence('111111', '000000'), { look: 10 })).toBe('accepted');
    expect(kindOf(evidence('111111', '000000'), { look: 30 })).toBe('rejected');
  });

  it('counts a group of frames as one observation', () => {
    expect(kindOf(evidence('11111111', '00000000', { groups: [0, 0, 0, 0, 1, 1, 1, 1] }))).not.toBe('accepted');
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

describe('guessing', () => {
  it('is compared by moments on both sides', () => {
    // 30 single frames of one class, always said; three bursts of 20 frames of the other, never recognised.
    const labels = [...new Array<number>(30).fill(0), ...new Array<number>(60).fill(1)];
    const groups = labels.map((label, row) => (label === 0 ? row : 30 + Math.floor((row - 30) / 20)));
    expect(kindOf(evidence('1'.repeat(30) + '0'.repeat(60), null, { labels, groups }))).toBe('rejected');
  });

  it('says what too small a test cannot show', () => {
    expect(judge(evidence('11', null), limits)).toMatchObject({
      kind: 'rejected',
      reason: expect.stringContaining('fewer than 4 moments'),
    });
  });
});

describe('a written file that does not do what was learned', () => {
  const agreement = { rows: 60, share: 0.3, file: 15, float: 58, lost: 45, won: 2 };
  const better = evidence('1111111111', '0000000000');

  it('is refused with the remedy, however good the left-out predictions are', () => {
    expect(judge({ ...better, agreement }, limits)).toMatchObject({
      kind: 'rejected',
      reason: expect.stringMatching(/written file.*30\.0 % of 60.*quantization=aware/),
    });
  });

  it('is not refused where the two disagree without a loss, or by no more than chance', () => {
    expect(kindOf({ ...better, agreement: { ...agreement, file: 58, lost: 2, won: 2 } })).toBe('accepted');
    expect(kindOf({ ...better, agreement: { ...agreement, share: 0.94, file: 56, lost: 3, won: 1 } })).toBe('accepted');
    expect(kindOf({ ...better, agreement: { ...agreement, share: 0.96, file: 50, lost: 8, won: 0 } })).toBe('accepted');
  });
});

it('names what nothing was measured on', () => {
  const { reason } = judge(evidence('1111111111', '0000000000', { unmeasured: ['bird', 'ship'] }), limits);
  expect(reason).toMatch(/^Better: .*Not measured: what it makes of 'bird', 'ship'; no captures of them judge/);
});

it('says how often a new class is found, where that is not often', () => {
  const of = (candidate: string) =>
    judge(evidence(candidate, '0000000000', { labels: [0, 0, 0, 0, 0, 1, 1, 1, 1, 1], fresh: [1] }), limits).reason;
  expect(of('1111111100')).toMatch(/The new class '.+' is found in 3 of 5 captures: it is named with care/);
  expect(of('1111111111')).not.toContain('is found in');
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
