// Counts that outlive a restart: what was dropped, and how often. Takes a name, gives a number.
import type { Database } from './database.ts';

export interface Counters {
  add(name: string, amount: number): void;
  get(name: string): number;
}

export function createCounters(database: Database): Counters {
  return {
    add(name, amount) {
      if (amount === 0) return;
      database.run('INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value', name, amount);
    },
    get: (name) => database.get<{ readonly value: number }>('SELECT value FROM counters WHERE name = ?', name)?.value ?? 0,
  };
}
