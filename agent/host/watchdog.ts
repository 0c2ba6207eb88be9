// Signs of life for systemd, tied to progress: they are sent only while every registered part says that it lives. A timer alone would go on
// in a daemon whose loops all hang. Takes a notifier and parts; logs which part is silent, and when it is back.
import type { Log } from '../log.ts';
import type { Notify } from './notify.ts';

export interface WatchedPart {
  readonly name: string;
  /** Whether the part has made progress lately, or has nothing to do. Must be quick and not throw. */
  isAlive(): boolean;
}

export interface Watchdog {
  start(): void;
  stop(): void;
}

export function createWatchdog(parts: readonly WatchedPart[], notify: Notify, log: Log): Watchdog {
  let timer: NodeJS.Timeout | undefined;
  let silent = '';

  function check(): void {
    const names = parts.filter((part) => !part.isAlive()).map((part) => part.name);
    const nowSilent = names.join(', ');
    if (nowSilent !== silent) {
      if (nowSilent === '') log.info('all parts make progress again');
      else log.error({ parts: names }, 'parts make no progress; the watchdog will end this daemon unless they go on');
      void notify.status(nowSilent === '' ? 'running' : `no progress: ${nowSilent}`);
      silent = nowSilent;
    }
    if (nowSilent === '') void notify.watchdog();
  }

  return {
    start() {
      if (notify.watchdogIntervalMs === null || timer !== undefined) return;
      check();
      timer = setInterval(check, notify.watchdogIntervalMs);
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
