import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Notify } from '../../agent/host/notify.ts';
import { createWatchdog } from '../../agent/host/watchdog.ts';
import { createLog } from '../../agent/log.ts';

const log = createLog('silent');

function recordingNotify(watchdogIntervalMs: number | null) {
  const sent: string[] = [];
  const note = (what: string) => async (text?: string) => {
    sent.push(text === undefined ? what : `${what} ${text}`);
  };
  const notify: Notify = {
    enabled: true,
    watchdogIntervalMs,
    ready: note('ready'),
    status: note('status'),
    watchdog: note('watchdog'),
    stopping: note('stopping'),
  };
  return { notify, sent };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('createWatchdog', () => {
  it('pings while every part lives, stops when one is silent and says which, goes on when it is back', () => {
    const { notify, sent } = recordingNotify(1000);
    let alive = true;
    const parts = [
      { name: 'collect', isAlive: () => true },
      { name: 'inference', isAlive: () => alive },
    ];
    const watchdog = createWatchdog(parts, notify, log);
    watchdog.start();
    vi.advanceTimersByTime(2000);
    expect(sent).toEqual(['watchdog', 'watchdog', 'watchdog']);
    alive = false;
    vi.advanceTimersByTime(3000);
    expect(sent.slice(3)).toEqual(['status no progress: inference']);
    alive = true;
    vi.advanceTimersByTime(1000);
    expect(sent.slice(4)).toEqual(['status running', 'watchdog']);
    watchdog.stop();
    watchdog.stop();
    vi.advanceTimersByTime(5000);
    expect(sent).toHaveLength(6);
  });

  it('does nothing where systemd wants no pings', () => {
    const { notify, sent } = recordingNotify(null);
    createWatchdog([], notify, log).start();
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual([]);
  });
});
