// Tells systemd how the daemon is: ready, status, watchdog, stopping. Goes through the `systemd-notify` program, because Node.js has no Unix
// datagram socket; the unit therefore says NotifyAccess=all. Does nothing where no NOTIFY_SOCKET is set. Never throws.
import { execFile } from 'node:child_process';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';

export interface Notify {
  /** false where systemd does not listen: every call is then nothing. */
  readonly enabled: boolean;
  /** Half the time within which systemd wants a sign of life; null where it wants none. */
  readonly watchdogIntervalMs: number | null;
  ready(status: string): Promise<void>;
  status(text: string): Promise<void>;
  watchdog(): Promise<void>;
  stopping(status: string): Promise<void>;
}

/** systemd reads a status as one line, and `systemctl status` shows no more. */
const maxStatusCharacters = 300;
const timeoutMs = 5000;

/** The protocol is sd_notify(3); `WATCHDOG_PID` names the one process that the watchdog is meant for. */
export function createNotify(log: Log, environment: NodeJS.ProcessEnv = process.env, program = 'systemd-notify'): Notify {
  const enabled = (environment.NOTIFY_SOCKET ?? '') !== '';
  let complained = false;

  function send(...assignments: readonly string[]): Promise<void> {
    if (!enabled) return Promise.resolve();
    return new Promise((resolve) => {
      execFile(program, [...assignments], { env: environment, timeout: timeoutMs, killSignal: 'SIGKILL' }, (error, _stdout, stderr) => {
        if (error !== null && !complained) {
          complained = true;
          log.error({ error: stderr.trim() || messageOf(error), assignments }, `'${program}' failed: systemd does not hear of this daemon`);
        }
        resolve();
      });
    });
  }

  const statusLine = (text: string) => `STATUS=${text.replace(/\s+/g, ' ').slice(0, maxStatusCharacters)}`;
  return {
    enabled,
    watchdogIntervalMs: enabled ? watchdogInterval(environment) : null,
    ready: (status) => send('READY=1', statusLine(status)),
    status: (text) => send(statusLine(text)),
    watchdog: () => send('WATCHDOG=1'),
    stopping: (status) => send('STOPPING=1', statusLine(status)),
  };
}

function watchdogInterval(environment: NodeJS.ProcessEnv): number | null {
  const microseconds = Number(environment.WATCHDOG_USEC ?? Number.NaN);
  const meant = environment.WATCHDOG_PID === undefined || Number(environment.WATCHDOG_PID) === process.pid;
  return meant && Number.isFinite(microseconds) && microseconds > 0 ? microseconds / 1000 / 2 : null;
}
