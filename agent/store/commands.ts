// Which commands arrived, and which were answered: each (type, id) runs once within a bounded history. Unfinished ones are kept whole, so
// that they are taken up after a restart; of finished ones only the name stays. Refuses new ones where too many wait, by number or by
// bytes (`commands-full`).
import { WhetError } from '../errors.ts';
import type { Clock, CommandLog, Outbox } from '../types.ts';
import type { Database } from './database.ts';
import { createTally } from './tally.ts';

export interface CommandLimits {
  /** Finished commands that are remembered: at most this many, and no longer than this. */
  readonly maxFinished: number;
  readonly maxAgeMs: number;
  readonly maxUnfinished: number;
  /** Of their payloads together. */
  readonly maxUnfinishedBytes: number;
}

/** The newest finished commands outlive the age limit: a clock that jumps years ahead must not run them again. */
const alwaysRemembered = 100;

export function createCommandLog(database: Database, outbox: Outbox, limits: CommandLimits, clock: Clock): CommandLog {
  const tally = createTally(database, () => {
    const sql = 'SELECT count(*) AS n, count(done_ms) AS finished, coalesce(sum(length(payload)), 0) AS bytes FROM commands';
    const row = database.get<{ readonly n: number; readonly finished: number; readonly bytes: number }>(sql);
    return { finished: row?.finished ?? 0, unfinished: (row?.n ?? 0) - (row?.finished ?? 0), bytes: row?.bytes ?? 0 };
  });

  function prune(): void {
    const sums = tally.sums();
    const before = clock.now() - limits.maxAgeMs;
    const oldest = () =>
      database.get<{ readonly seq: number; readonly done_ms: number }>(
        'SELECT seq, done_ms FROM commands WHERE done_ms IS NOT NULL ORDER BY seq LIMIT 1',
      );
    for (let row = oldest(); row !== undefined; row = oldest()) {
      if (sums.finished <= limits.maxFinished && (row.done_ms >= before || sums.finished <= alwaysRemembered)) return;
      database.run('DELETE FROM commands WHERE seq = ?', row.seq);
      sums.finished -= 1;
    }
  }

  return {
    accept: ({ type, id, payload, timeMs }) =>
      database.transaction(() => {
        if (database.get('SELECT 1 FROM commands WHERE type = ? AND id = ?', type, id) !== undefined) return 'duplicate';
        const sums = tally.sums();
        if (sums.unfinished >= limits.maxUnfinished || sums.bytes + payload.byteLength > limits.maxUnfinishedBytes) {
          throw new WhetError('commands-full', `command ${type}/${id} is not accepted: ${sums.unfinished} others wait`, {
            hint: 'Send it again when their results have come.',
          });
        }
        database.run('INSERT INTO commands (type, id, time_ms, payload) VALUES (?, ?, ?, ?)', type, id, Math.round(timeMs), payload);
        sums.unfinished += 1;
        sums.bytes += payload.byteLength;
        return 'new';
      }),
    unfinished: () =>
      database
        .all<{ readonly type: string; readonly id: string; readonly time_ms: number }>(
          'SELECT type, id, time_ms FROM commands WHERE done_ms IS NULL ORDER BY seq',
        )
        .map(({ type, id, time_ms }) => ({ type, id, timeMs: time_ms })),
    payload(type, id) {
      const sql = 'SELECT payload FROM commands WHERE type = ? AND id = ? AND done_ms IS NULL';
      return database.get<{ readonly payload: Uint8Array | null }>(sql, type, id)?.payload ?? null;
    },
    finish(type, id, result) {
      database.transaction(() => {
        const bytes = database.get<{ readonly n: number }>(
          'SELECT length(payload) AS n FROM commands WHERE type = ? AND id = ?',
          type,
          id,
        )?.n;
        const sql = 'UPDATE commands SET done_ms = ?, payload = NULL WHERE type = ? AND id = ? AND done_ms IS NULL';
        // Finished before, or never accepted: its one answer is out.
        if (database.run(sql, clock.now(), type, id) === 0) return;
        const sums = tally.sums();
        sums.unfinished -= 1;
        sums.bytes -= bytes ?? 0;
        sums.finished += 1;
        outbox.enqueue(result);
        prune();
      });
    },
  };
}
