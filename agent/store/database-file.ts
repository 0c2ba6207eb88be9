// The database as files on the disk: created for its owner only, suspected after a crash, moved aside when damaged. Refuses a directory that
// cannot be written (`state-unwritable`).
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, stateError, WhetError } from '../errors.ts';

export function createFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    syncDirectory(dirname(path));
  } catch (error) {
    throw stateError(error, 'open the database', path);
  }
}

/** Keeps the damaged files for `sqlite3 .recover`, under a name with a number that is free. */
export function moveAside(path: string): string {
  let number = 1;
  while (existsSync(`${path}.broken-${number}`)) number += 1;
  const movedTo = `${path}.broken-${number}`;
  try {
    // The log first: a log without its database is harmless, the other way round a new database would swallow it.
    for (const suffix of ['-wal', '-shm', '']) if (existsSync(path + suffix)) renameSync(path + suffix, movedTo + suffix);
    syncDirectory(dirname(path));
  } catch (error) {
    throw stateError(error, 'move a damaged database aside', path);
  }
  return movedTo;
}

/** The next opening looks at every page. */
export function markSuspect(path: string): void {
  try {
    writeFileSync(suspectMark(path), '');
  } catch (error) {
    throw new WhetError('store-corrupt', `database '${path}' is damaged and its directory cannot be written: ${messageOf(error)}`);
  }
}

function suspectMark(path: string): string {
  return `${path}.suspect`;
}

/** Damage was seen in it, or its last writer did not close it: then the log holds something. */
export function isSuspect(path: string): boolean {
  return existsSync(suspectMark(path)) || (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

export function clearSuspicion(path: string): void {
  rmSync(suspectMark(path), { force: true });
}

function syncDirectory(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
