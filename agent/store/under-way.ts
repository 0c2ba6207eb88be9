// What is being decoded, written down before and crossed out after, so that the next process knows what the last one died of. Keys are hashes of
// what a capture is called (a file's origin, a sample's id). What was under way at a death is decoded apart from the daemon; what dies there as
// well, or was under way at death after death, is set aside. Durable when `begin` returns; crossing out is written along with the next one.
import { createHash } from 'node:crypto';
import { isDiskFull } from '../errors.ts';
import type { Database } from './database.ts';

/** 'apart': in a process of its own. 'aside': not at all. */
export type Course = 'plain' | 'apart' | 'aside';

export interface UnderWay {
  courseOf(what: string): Course;
  begin(what: string): void;
  finish(what: string): void;
  /** The worker died over these. */
  died(whats: readonly string[]): void;
  setAside(what: string): void;
  /** The process before this one left these: gives their number. */
  recover(): number;
  /** Captures that are set aside, or were under way at two deaths. */
  readonly count: number;
  /** Writes what was crossed out, where there is room. */
  settle(): void;
}

/** Somebody who ends the daemon again and again is no fault of a capture; but one that is there every time is. */
const mostDeaths = 6;
/** Rows kept; a stranger may bring as many files as he likes. */
const mostRows = 10_000;

export function createUnderWay(database: Database): UnderWay {
  const finished = new Set<number>();
  const rowOf = (what: string) =>
    database.get<{ readonly deaths: number; readonly aside: number }>('SELECT deaths, aside FROM under_way WHERE key = ?', keyOf(what));
  function crossOut(): void {
    if (finished.size === 0) return;
    database.transaction(() => {
      for (const key of finished) database.run('DELETE FROM under_way WHERE key = ? AND aside = 0', key);
    });
    finished.clear();
  }
  return {
    courseOf(what) {
      const row = rowOf(what);
      if (row === undefined || finished.has(keyOf(what))) return 'plain';
      return row.aside === 1 || row.deaths >= mostDeaths ? 'aside' : row.deaths > 0 ? 'apart' : 'plain';
    },
    begin(what) {
      database.transaction(() => {
        crossOut();
        database.run('INSERT INTO under_way VALUES (?, 1, 0, 0) ON CONFLICT (key) DO UPDATE SET open = 1', keyOf(what));
      });
    },
    finish: (what) => void finished.add(keyOf(what)),
    died(whats) {
      database.transaction(() => {
        for (const what of whats) database.run('UPDATE under_way SET open = 0, deaths = deaths + 1 WHERE key = ?', keyOf(what));
      });
    },
    setAside(what) {
      const key = keyOf(what);
      finished.delete(key);
      database.transaction(() => {
        database.run('INSERT INTO under_way VALUES (?, 0, 1, 1) ON CONFLICT (key) DO UPDATE SET open = 0, aside = 1', key);
        database.run('DELETE FROM under_way WHERE rowid NOT IN (SELECT rowid FROM under_way ORDER BY rowid DESC LIMIT ?)', mostRows);
      });
    },
    recover: () => database.run('UPDATE under_way SET open = 0, deaths = deaths + 1 WHERE open = 1'),
    get count() {
      return database.get<{ readonly n: number }>('SELECT count(*) AS n FROM under_way WHERE aside = 1 OR deaths >= 2')?.n ?? 0;
    },
    settle() {
      try {
        crossOut();
      } catch (error) {
        // What is not crossed out is decoded apart after the next start, once: a full disk keeps no store from closing.
        if (!isDiskFull(error)) throw error;
      }
    },
  };
}

/** 53 bits, as of origins: they tell nothing of a forgotten capture. */
function keyOf(what: string): number {
  return Number(createHash('sha256').update(what).digest().readBigUInt64BE() >> 11n);
}
