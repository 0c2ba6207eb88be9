// Which captures were taken before, by what their source calls them (a path with size and time): they survive the eviction of their
// sample, so that a restart does not take a file twice. Only 53 bits of a hash are kept, which tell nothing of a forgotten sample.
import { createHash } from 'node:crypto';
import type { Database } from './database.ts';
import { createTally } from './tally.ts';

export interface Origins {
  remember(origin: string): void;
  seen(origin: string): boolean;
}

/** Two of 100,000 origins collide with a probability of 6e-7; then one capture is skipped. */
export function createOrigins(database: Database, maxOrigins: number): Origins {
  const tally = createTally(database, () => {
    const row = database.get<{ readonly n: number; readonly last: number }>(
      'SELECT count(*) AS n, coalesce(max(seen), 0) AS last FROM origins',
    );
    return { count: row?.n ?? 0, last: row?.last ?? 0 };
  });
  return {
    remember(origin) {
      const sums = tally.sums();
      sums.last += 1;
      const added = database.run('INSERT INTO origins VALUES (?, ?) ON CONFLICT DO NOTHING', keyOf(origin), sums.last);
      sums.count += added;
      if (sums.count <= maxOrigins) return;
      // A tenth at once: finding the oldest reads the whole table.
      const gone = Math.max(1, Math.floor(maxOrigins / 10));
      sums.count -= database.run('DELETE FROM origins WHERE key IN (SELECT key FROM origins ORDER BY seen LIMIT ?)', gone);
    },
    seen: (origin) => database.get('SELECT 1 FROM origins WHERE key = ?', keyOf(origin)) !== undefined,
  };
}

/** 53 bits, so that the key is a number on both sides. */
function keyOf(origin: string): number {
  const digest = createHash('sha256').update(origin).digest();
  return Number(digest.readBigUInt64BE() >> 11n);
}
