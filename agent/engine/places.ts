// Where a device keeps what: the layout of its state and runtime directories. Takes the configuration, gives paths.
import { join } from 'node:path';
import type { Config } from '../config/resolve.ts';

export interface Places {
  readonly state: string;
  readonly database: string;
  readonly lock: string;
  readonly releases: string;
  /** Candidates under way, a directory a run; emptied at start. */
  readonly candidates: string;
  /** Blocks kept for a start on a full disk. */
  readonly reserve: string;
  readonly socket: string;
}

export function placesOf({ state, runtimeDir }: Pick<Config, 'state' | 'runtimeDir'>): Places {
  return {
    state,
    database: join(state, 'store.db'),
    lock: join(state, 'lock'),
    releases: join(state, 'releases'),
    candidates: join(state, 'candidates'),
    reserve: join(state, 'reserve'),
    socket: join(runtimeDir, 'control.sock'),
  };
}
