// Slots of cron expressions under clocks of every kind: tables of what the two clocks show at each look, and how often a slot was due.
import { describe, expect, it } from 'vitest';
import { createCalendar } from '../../agent/engine/calendar.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Europe/Berlin in 2026: summer time from March 29 to October 25, both at 01:00 UTC. */
function berlinOffset(atMs: number): number {
  return atMs >= Date.UTC(2026, 2, 29, 1) && atMs < Date.UTC(2026, 9, 25, 1) ? -120 : -60;
}

/** A machine that is looked at once a minute; `pass` lets time go by, `set` moves its wall clock alone. */
function machine(cron: string, startMs: number, offset = berlinOffset) {
  const clock = { atMs: startMs, passedMs: 1000, offset };
  const calendar = createCalendar(cron, {
    now: () => clock.atMs,
    monotonicMs: () => clock.passedMs,
    offsetMinutes: (atMs) => clock.offset(atMs),
  });
  const due: string[] = [];
  return {
    due,
    pass(durationMs: number, lookEveryMs = minuteMs) {
      for (let passed = 0; passed < durationMs; passed += lookEveryMs) {
        clock.atMs += lookEveryMs;
        clock.passedMs += lookEveryMs;
        if (calendar.look()) due.push(new Date(clock.atMs).toISOString().slice(0, 16));
      }
    },
    set(atMs: number) {
      clock.atMs = atMs;
    },
    sleep(durationMs: number) {
      clock.atMs += durationMs;
    },
    move(minutes: number) {
      clock.offset = () => minutes;
    },
  };
}

describe('calendar', () => {
  it.each([
    ['30 2 * * *', 3, ['2026-07-01T00:30', '2026-07-02T00:30', '2026-07-03T00:30']],
    ['@daily', 2, ['2026-07-01T22:00', '2026-07-02T22:00']],
    ['0 3 * * 1', 8, ['2026-07-06T01:00']],
  ])('finds the slots of %s', (cron, days, expected) => {
    const board = machine(cron, Date.UTC(2026, 5, 30, 22, 10));
    board.pass(days * 24 * hourMs);
    expect(board.due).toEqual(expected);
  });

  it('in the autumn night runs what names an hour once, and what names none in every hour that passes', () => {
    const night = Date.UTC(2026, 9, 24, 22, 10);
    const named = machine('30 2 * * *', night);
    named.pass(6 * hourMs);
    expect(named.due).toEqual(['2026-10-25T00:30']);
    const hourly = machine('15 * * * *', night);
    hourly.pass(4 * hourMs);
    expect(hourly.due).toEqual(['2026-10-24T22:15', '2026-10-24T23:15', '2026-10-25T00:15', '2026-10-25T01:15']);
  });

  it('in the spring night runs what falls into the hour that is left out, once', () => {
    const board = machine('30 2 * * *', Date.UTC(2026, 2, 28, 22, 10));
    board.pass(6 * hourMs);
    expect(board.due).toEqual(['2026-03-29T01:00']);
  });

  it('after 1970 begins anew, at once and without a walk through the years between', () => {
    const board = machine('30 2 * * *', 5000);
    board.pass(10 * minuteMs);
    board.set(Date.UTC(2026, 6, 1, 8));
    board.pass(24 * hourMs);
    expect(board.due).toEqual(['2026-07-02T00:30']);
  });

  it('after a step back runs at the time that the clock shows from then on', () => {
    const board = machine('0 12 * * *', Date.UTC(2026, 6, 1, 9, 0));
    board.pass(2 * hourMs);
    expect(board.due).toEqual(['2026-07-01T10:00']);
    board.set(Date.UTC(2026, 6, 1, 8));
    board.pass(3 * hourMs);
    expect(board.due).toEqual(['2026-07-01T10:00', '2026-07-01T10:00']);
  });

  it('what was due while the board slept is not made up for', () => {
    const board = machine('30 2 * * *', Date.UTC(2026, 6, 1, 20));
    board.sleep(10 * hourMs);
    board.pass(2 * hourMs);
    expect(board.due).toEqual([]);
  });

  it('a small correction of the clock loses no slot and makes none due twice', () => {
    const board = machine('0 12 * * *', Date.UTC(2026, 6, 1, 9, 59, 30));
    board.pass(minuteMs);
    expect(board.due).toHaveLength(1);
    board.set(Date.UTC(2026, 6, 1, 9, 59, 50));
    board.pass(10 * minuteMs);
    expect(board.due).toHaveLength(1);
  });

  it('in another time zone goes by its clock', () => {
    const board = machine('0 12 * * *', Date.UTC(2026, 6, 1, 3), () => 0);
    board.pass(hourMs);
    board.move(-8 * 60);
    board.pass(2 * hourMs);
    expect(board.due).toEqual([]);
    board.pass(24 * hourMs);
    expect(board.due).toEqual(['2026-07-02T04:00']);
  });

  it('sees slots between seconds, where an expression names them', () => {
    const board = machine('*/20 * * * * *', Date.UTC(2026, 6, 1));
    board.pass(3 * minuteMs);
    expect(board.due).toHaveLength(3);
  });
});
