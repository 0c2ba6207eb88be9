// Small facts that outlive a restart (training is paused …): a name, and a value that JSON can hold.
import type { Database } from './database.ts';

export interface Settings {
  /** undefined where it was never set. The caller checks the type of what it wrote itself. */
  get(name: string): unknown;
  set(name: string, value: unknown): void;
}

export function createSettings(database: Database): Settings {
  return {
    get(name) {
      const row = database.get<{ readonly value: string }>('SELECT value FROM settings WHERE name = ?', name);
      return row === undefined ? undefined : JSON.parse(row.value);
    },
    set(name, value) {
      const sql = 'INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value';
      database.run(sql, name, JSON.stringify(value ?? null));
    },
  };
}
