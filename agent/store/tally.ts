// Sums over a table, kept in memory by their only writer and counted again whenever another process wrote or a transaction was undone.
import type { Database } from './database.ts';

export interface Tally<T> {
  /** The caller changes the record along with every row that it writes. */
  sums(): T;
  /** Counts again at the next look: after rows were changed in bulk. */
  reset(): void;
}

export function createTally<T>(database: Database, count: () => T): Tally<T> {
  let known: { readonly epoch: string; readonly sums: T } | null = null;
  return {
    sums() {
      const epoch = database.epoch();
      if (known?.epoch !== epoch) known = { epoch, sums: count() };
      return known.sums;
    },
    reset() {
      known = null;
    },
  };
}
