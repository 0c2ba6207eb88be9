// The daemon's log: one JSON line an event on standard error, secrets removed by path. Takes a level, gives a pino logger.
import { pino } from 'pino';
import { printable } from './printable.ts';

export type Log = Pick<import('pino').Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

/** Paths that must never be printed, whatever object is logged. */
const secretPaths = ['password', '*.password', '*.*.password', 'key', '*.key', '*.*.key', 'token', '*.token'];

export function createLog(level: string): Log {
  const hooks = { streamWrite: printable };
  return pino({ level, base: undefined, redact: secretPaths, hooks }, pino.destination({ fd: 2, sync: true }));
}

/** The same records for a listener in this process; a line that is cut off says nothing. */
export function createHeardLog(level: string, hear: (record: Readonly<Record<string, unknown>>) => void): Log {
  return pino({ level, base: undefined, redact: secretPaths }, { write: (line: string) => hear(JSON.parse(line)) });
}
