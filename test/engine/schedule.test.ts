import { describe, expect, it } from 'vitest';
import { decide, type ScheduleFacts } from '../../agent/engine/schedule.ts';

const ready: ScheduleFacts = {
  paused: false,
  training: false,
  due: true,
  newLabels: 20,
  minNewLabels: 10,
  missing: null,
  thermalHeadroomC: 25,
  retryInMs: 0,
};

describe('decide', () => {
  it('trains when the calendar is due and there are enough new labels', () => {
    expect(decide(ready)).toEqual({ kind: 'train', reason: 'schedule, 20 new labels' });
  });

  it.each([
    [{ due: false }, 'waiting for the schedule'],
    [{ newLabels: 3 }, '3 of 10 new labels'],
    [{ missing: 'two classes are needed.' }, '20 new labels; two classes are needed.'],
    [{ paused: true }, 'paused'],
    [{ training: true }, 'under way'],
    [{ thermalHeadroomC: 0 }, 'trip point'],
    [{ retryInMs: 90_000 }, 'in 2 min'],
  ] as const)('waits when %o', (change, reason) => {
    const decision = decide({ ...ready, ...change });
    expect(decision.kind).toBe('wait');
    expect(decision.reason).toContain(reason);
  });

  it('does not wait for heat where the board has no sensor', () => {
    expect(decide({ ...ready, thermalHeadroomC: null }).kind).toBe('train');
  });
});
