// One writer a state directory: an exclusive lock that the system takes back when its process ends, however it ends. Takes the path of a
// lock file; refuses (`already-running`) where another process holds it.
import { DatabaseSync } from 'node:sqlite';
import { messageOf, stateError, WhetError } from '../errors.ts';

export interface Lock extends Disposable {
  release(): void;
}

/** A command that only looks holds the lock for a moment; a daemon does not give it up. */
const waitMs = 3000;

/** SQLite's own file locking, because Node.js has none: an open exclusive transaction on an empty database. */
export function acquireLock(path: string): Lock {
  let database: DatabaseSync;
  try {
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
