// Whether a slot of a cron expression has passed since the last look. Takes two clocks, and so tells time that passed from a wall clock
// that was set: a step either way, or an hour without a look, begins anew and makes nothing due. No timers; what looks is the scheduler.
import { cronSlots } from '../config/cron.ts';
import type { Clock } from '../types.ts';

export interface CalendarClock extends Clock {
  /** Minutes that the local time is behind UTC at this moment, as Date.getTimezoneOffset gives it. */
  offsetMinutes(atMs: number): number;
}

export interface Calendar {
  /** Whether a slot has passed since the last look. */
  look(): boolean;
}

export function localOffset(atMs: number): number {
  return new Date(atMs).getTimezoneOffset();
}

/** Wall clock and passed time may drift apart by this much between two looks; more, and the clock was set. */
const driftMs = 2 * 60_000;
/** A longer time without a look is one without power, or asleep: what was due in it was due then. */
const longestGapMs = 3_600_000;
/** Summer time moves the wall clock by one hour (Troll in Antarctica: two). Anything more is another time zone. */
const longestShiftMs = 2 * 3_600_000;

export function createCalendar(expression: string, clock: CalendarClock): Calendar {
  const slots = cronSlots(expression);
  const read = () => {
    const atMs = clock.now();
    return { atMs, monotonicMs: clock.monotonicMs(), wallMs: atMs - clock.offsetMinutes(atMs) * 60_000 };
  };
  let last = read();
  /** The latest time that the wall clock has shown: the hour that it shows twice in autumn is due once, the one left out in spring not never. */
  let shownMs = last.wallMs;

  return {
    look() {
      const now = read();
      const before = last;
      last = now;
      const passedMs = now.monotonicMs - before.monotonicMs;
      const isSet = Math.abs(now.atMs - before.atMs - passedMs) > driftMs;
      const isMoved = Math.abs(now.wallMs - before.wallMs - passedMs) > longestShiftMs + driftMs;
      if (isSet || isMoved || passedMs > longestGapMs) {
        shownMs = now.wallMs;
        return false;
      }
      const isNew = slots.liesBetween(shownMs, now.wallMs);
      const isAgain = slots.everyHour && now.wallMs < shownMs && slots.liesBetween(now.wallMs - passedMs, now.wallMs);
      shownMs = Math.max(shownMs, now.wallMs);
      return isNew || isAgain;
    },
  };
}
