// One writer a state directory: an exclusive lock that the system takes back when its process ends, however it ends. Takes the path of a
// lock file; refuses (`already-running`) where another process holds it.
import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { messageOf, stateError, WhetError } from '../errors.ts';

export interface Lock extends Disposable {
  release(): void;
}

/** A command that only looks holds the lock for a moment; a daemon does not give it up. */
const waitMs = 3000;

/** For its owner alone, whatever the umask. A file that is there is not opened: closing it would give up a lock that this process holds. */
function makePrivate(path: string): void {
  if (existsSync(path)) chmodSync(path, 0o600);
  else closeSync(openSync(path, 'a', 0o600));
}

/** SQLite's own file locking, because Node.js has none: an open exclusive transaction on an empty database. */
export function acquireLock(path: string): Lock {
  let database: DatabaseSync;
  try {
    makePrivate(path);
    database = new DatabaseSync(path, { timeout: waitMs });
  } catch (error) {
    throw stateError(error, 'lock the state directory', path);
  }
  try {
    database.exec('PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!/locked|busy/i.test(messageOf(error))) throw stateError(error, 'lock the state directory', path);
    throw new WhetError('already-running', `another process works on this state directory (it holds '${path}')`, {
      hint: 'A daemon or another command runs: wait for it, or stop it (systemctl stop whetstone).',
      cause: error,
    });
  }
  const release = () => database.close();
  return { release, [Symbol.dispose]: release };
}
