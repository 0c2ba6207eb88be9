// An error of SQLite → an error of the registry. Takes what was thrown and the database's path; never swallows anything.
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type ErrorCode, messageOf, WhetError } from '../errors.ts';

/** Primary result codes of https://www.sqlite.org/rescode.html that have a meaning for the user. */
const codes: Readonly<Record<number, ErrorCode>> = {
  3: 'state-unwritable',
  5: 'already-running',
  6: 'already-running',
  8: 'state-unwritable',
  10: 'store-failed',
  11: 'store-corrupt',
  13: 'disk-full',
  14: 'state-unwritable',
  23: 'state-unwritable',
  26: 'store-corrupt',
};

const hints: Partial<Record<ErrorCode, string>> = {
  'disk-full': 'Free space on this disk, or lower the limits of the store in the configuration.',
  'state-unwritable': 'The state directory must be on a working disk and belong to the user that runs whet.',
  'already-running': 'Another process holds the database; try again when it has ended.',
  'store-corrupt': 'Restart whet: it moves a damaged database aside and begins a new one.',
  'store-failed': 'Look for disk errors in `dmesg`; a worn SD card fails like this.',
};

export function sqliteFailure(error: unknown, path: string): unknown {
  const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) : null;
  if (errcode === null) return error;
  const code = refine(codes[errcode & 0xff] ?? 'internal', path);
  const hint = hints[code];
  return new WhetError(code, `database '${path}': ${messageOf(error)} (SQLite ${errcode})`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A full disk that hits the shared-memory file is reported as a plain I/O error. */
function refine(code: ErrorCode, path: string): ErrorCode {
  if (code !== 'store-failed') return code;
  try {
    return statfsSync(dirname(path)).bavail === 0 ? 'disk-full' : code;
  } catch {
    return code;
  }
}
