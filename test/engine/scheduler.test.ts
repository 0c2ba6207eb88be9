import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { machineClock } from '../../agent/clock.ts';
import { localOffset } from '../../agent/engine/calendar.ts';
import { createScheduler, type SchedulerPorts } from '../../agent/engine/scheduler.ts';
import { createLog } from '../../agent/log.ts';

const minuteMs = 60_000;
const ready = {
  missing: null,
  paused: false,
  training: false,
  newLabels: 10,
  minNewLabels: 10,
  thermalHeadroomC: null,
};

/** A scheduler whose runs end as the list says; what it was told to train, and facts that a test may change. */
function setUp(cron: string | null, outcomes: readonly ('works' | 'fails')[] = []) {
  const state = { facts: { ...ready } as ReturnType<SchedulerPorts['facts']>, reasons: [] as string[], broken: false };
  const left = [...outcomes];
  const scheduler = createScheduler(cron, {
    facts() {
      if (state.broken) throw new Error('disk I/O error');
      return state.facts;
    },
    async train(reason) {
      state.reasons.push(reason);
      if (left.shift() === 'fails') throw new Error('killed');
      state.facts = { ...state.facts, newLabels: 0 };
    },
    log: createLog('silent'),
    clock: { ...machineClock, offsetMinutes: localOffset },
  });
  return { scheduler, state };
}

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-11-01T12:00:00') });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('scheduler', () => {
  it('is alive while it looks, also where looking fails, and not when it has stopped looking by itself', async () => {
    const { scheduler, state } = setUp('0 3 * * *');
    expect(scheduler.isAlive()).toBe(true);
    scheduler.start();
    state.broken = true;
    await vi.advanceTimersByTimeAsync(30 * minuteMs);
    expect(scheduler.isAlive()).toBe(true);
    // A loop that hangs: time passes, and no timer comes.
    vi.setSystemTime(Date.now() + 3600_000);
    expect(scheduler.isAlive()).toBe(true);
    const passed = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 6 * minuteMs);
    expect(scheduler.isAlive()).toBe(false);
    passed.mockRestore();
    scheduler.stop();
    expect(scheduler.isAlive()).toBe(true);
  });

  it('trains once where there are enough labels, and waits for new ones', async () => {
    const { scheduler, state } = setUp(null);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(5 * minuteMs);
    expect(state.reasons).toEqual(['schedule, 10 new labels']);
    expect(scheduler.decision).toBe('0 of 10 new labels');
    scheduler.stop();
  });

  it('waits until labels have stopped coming', async () => {
    const { scheduler, state } = setUp(null);
    state.facts = { ...ready, newLabels: 0 };
    scheduler.start();
    for (let label = 1; label <= 20; label += 1) {
      state.facts = { ...ready, newLabels: label };
      scheduler.wake();
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(state.reasons).toEqual([]);
    await vi.advanceTimersByTimeAsync(3000);
    expect(state.reasons).toEqual(['schedule, 20 new labels']);
    scheduler.stop();
  });

  it('tries a failed run again, later each time, and at once again after one that worked', async () => {
    const { scheduler, state } = setUp(null, ['fails', 'fails', 'works']);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(scheduler.decision).toBe('the last run failed; the next try is in 1 min');
    await vi.advanceTimersByTimeAsync(minuteMs);
    expect(state.reasons).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(3 * minuteMs);
    expect(state.reasons).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(minuteMs);
    expect(state.reasons).toHaveLength(3);
    state.facts = { ...ready };
    await vi.advanceTimersByTimeAsync(minuteMs);
    expect(state.reasons).toHaveLength(4);
    scheduler.stop();
  });

  it('with a calendar trains when it fires, not when labels come', async () => {
    const { scheduler, state } = setUp('0 13 * * *');
    scheduler.start();
    await vi.advanceTimersByTimeAsync(50 * minuteMs);
    expect({ reasons: state.reasons, decision: scheduler.decision }).toEqual({
      reasons: [],
      decision: 'enough new labels; waiting for the schedule',
    });
    await vi.advanceTimersByTimeAsync(15 * minuteMs);
    expect(state.reasons).toHaveLength(1);
    state.facts = { ...ready };
    await vi.advanceTimersByTimeAsync(60 * minuteMs);
    expect(state.reasons).toHaveLength(1);
    scheduler.stop();
  });

  it('with a calendar tries a failed run again before the next slot', async () => {
    const { scheduler, state } = setUp('0 13 * * *', ['fails', 'works']);
    scheduler.start();
    await vi.advanceTimersByTimeAsync(60.5 * minuteMs);
    expect(state.reasons).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(3 * minuteMs);
    expect(state.reasons).toHaveLength(2);
    state.facts = { ...ready };
    await vi.advanceTimersByTimeAsync(120 * minuteMs);
    expect(state.reasons).toHaveLength(2);
    scheduler.stop();
  });

  it('survives facts that cannot be read, says so, and goes on when they can', async () => {
    const { scheduler, state } = setUp(null);
    state.broken = true;
    scheduler.start();
    await vi.advanceTimersByTimeAsync(minuteMs);
    expect(scheduler.decision).toContain('disk I/O error');
    state.broken = false;
    await vi.advanceTimersByTimeAsync(minuteMs);
    expect(state.reasons).toHaveLength(1);
    scheduler.stop();
  });

  it('does nothing more once it is stopped', async () => {
    const { scheduler, state } = setUp(null);
    state.facts = { ...ready, newLabels: 0 };
    scheduler.start();
    scheduler.wake();
    scheduler.stop();
    state.facts = { ...ready };
    scheduler.wake();
    await vi.advanceTimersByTimeAsync(10 * minuteMs);
    expect(state.reasons).toEqual([]);
  });
});
