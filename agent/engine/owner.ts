// Which configuration a state folder belongs to: written down at the first start, held against at every other. Refuses (`state-foreign`) a folder
// whose configuration is another one that still exists; one that was moved or renamed keeps its folder.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateError, WhetError } from '../errors.ts';

const name = 'configuration';
const longestPath = 4096;

export function claimState(state: string, configuration: string): void {
  const path = join(state, name);
  const owner = readOwner(path);
  if (owner === configuration) return;
  if (owner !== null && existsSync(owner)) {
    throw new WhetError('state-foreign', `the state folder '${state}' belongs to another configuration: ${owner}`, {
      hint: `Give this one a folder of its own with "state", or remove '${path}' if it is to take this one over.`,
    });
  }
  try {
    writeFileSync(`${path}.part`, `${configuration}\n`, { mode: 0o600, flush: true });
    renameSync(`${path}.part`, path);
  } catch (error) {
    throw stateError(error, 'write down whose state it is', state);
  }
}

function readOwner(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').slice(0, longestPath).trim() || null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw stateError(error, 'read whose state it is', path);
  }
}
