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
