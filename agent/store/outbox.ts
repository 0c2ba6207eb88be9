// Messages that must not be lost, until the broker has them: durable, in order, bounded by bytes and age. When the bytes run out the oldest
// 'low' message goes first, and a 'high' one only when nothing low is left; age alone never drops a 'high' one, and is counted in time that
// the device lived, not by its clock, which may be set by years. What went is counted for good. Refuses nothing else.
import type { Clock, Outbox, OutboxMessage } from '../types.ts';
import { createCounters } from './counters.ts';
import type { Database } from './database.ts';
import { createTally } from './tally.ts';

export interface OutboxLimits {
  /** Topics and payloads of all waiting messages. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

interface Row {
  readonly id: number;
  readonly topic: string;
  readonly time_ms: number;
  readonly retain: number;
  readonly priority: number;
  readonly replace_key: string | null;
  readonly payload: Uint8Array;
}

/** What a row costs beside topic and payload. */
const rowBytes = 64;

export interface StoredOutbox extends Outbox {
  /** Rows were removed by somebody else. */
  recount(): void;
}

export function createOutbox(database: Database, limits: OutboxLimits, clock: Clock): StoredOutbox {
  const counters = createCounters(database);
  const tally = createTally(database, () => {
    const sql = 'SELECT count(*) AS n, coalesce(sum(bytes), 0) AS bytes FROM outbox';
    const row = database.get<{ readonly n: number; readonly bytes: number }>(sql);
    // No 'low' message has a smaller id than lowFrom, and none was written earlier in the device's life than oldestMs.
    return { waiting: row?.n ?? 0, bytes: row?.bytes ?? 0, lowFrom: 0, oldestMs: oldestLow() };
  });

  function remove(where: string, ...values: readonly (number | string)[]): number {
    const gone = database.all<{ readonly bytes: number }>(`DELETE FROM outbox WHERE ${where} RETURNING bytes`, ...values);
    const sums = tally.sums();
    sums.waiting -= gone.length;
    for (const { bytes } of gone) sums.bytes -= bytes;
    return gone.length;
  }

  /** Time that this device lived so far, as far as its messages tell: what passed without any is not counted, and makes none older. */
  const livedBefore = database.get<{ readonly lived: number | null }>('SELECT max(lived_ms) AS lived FROM outbox')?.lived ?? 0;
  const beganMs = clock.monotonicMs();
  const livedMs = () => livedBefore + Math.round(clock.monotonicMs() - beganMs);

  function oldestLow(): number {
    const sql = 'SELECT min(lived_ms) AS oldest FROM outbox WHERE priority = 0';
    return database.get<{ readonly oldest: number | null }>(sql)?.oldest ?? Number.POSITIVE_INFINITY;
  }

  function dropOld(): void {
    const before = livedMs() - limits.maxAgeMs;
    const sums = tally.sums();
    // Looking for old ones reads all that wait, so a few are gathered first; `pending` passes them over exactly.
    if (sums.oldestMs >= before - limits.maxAgeMs / 1000) return;
    counters.add('outbox.dropped-by-age', remove('priority = 0 AND lived_ms < ?', before));
    sums.oldestMs = oldestLow();
  }

  function makeRoom(): void {
    const sums = tally.sums();
    while (sums.bytes > limits.maxBytes) {
      const low = database.get<{ readonly id: number }>(
        'SELECT id FROM outbox WHERE id >= ? AND priority = 0 ORDER BY id LIMIT 1',
        sums.lowFrom,
      );
      const victim = low ?? database.get<{ readonly id: number }>('SELECT id FROM outbox ORDER BY id LIMIT 1');
      sums.lowFrom = (low ?? database.get<{ readonly id: number }>('SELECT max(id) AS id FROM outbox'))!.id + 1;
      if (victim === undefined) return;
      counters.add('outbox.dropped-by-bytes', remove('id = ?', victim.id));
    }
  }

  function enqueue(message: OutboxMessage): void {
    const bytes = sizeOf(message);
    const lived = livedMs();
    database.transaction(() => {
      dropOld();
      // Larger than everything together: making room for it would only lose the others as well.
      if (bytes > limits.maxBytes) return counters.add('outbox.dropped-by-bytes', 1);
      if (message.replaceKey !== null) remove('replace_key = ?', message.replaceKey);
      database.run(
        'INSERT INTO outbox (topic, time_ms, lived_ms, retain, priority, replace_key, bytes, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        message.topic,
        Math.round(message.timeMs),
        lived,
        message.retain ? 1 : 0,
        message.priority === 'high' ? 1 : 0,
        message.replaceKey,
        bytes,
        message.payload,
      );
      const sums = tally.sums();
      sums.waiting += 1;
      sums.bytes += bytes;
      if (message.priority === 'low') sums.oldestMs = Math.min(sums.oldestMs, lived);
      makeRoom();
    });
  }

  return {
    enqueue,
    enqueueAll(messages) {
      database.transaction(() => {
        for (const message of messages) enqueue(message);
      });
    },
    pending(limit, afterId = 0) {
      const before = livedMs() - limits.maxAgeMs;
      const sql = `SELECT id, topic, time_ms, retain, priority, replace_key, payload FROM outbox
        WHERE id > ? AND (lived_ms >= ? OR priority = 1) ORDER BY id LIMIT ?`;
      return database.all<Row>(sql, afterId, before, limit).map(toMessage);
    },
    acknowledge(id) {
      // Lost in a power cut, it is only sent once more.
      database.lazyTransaction(() => remove('id = ?', id));
    },
    recount: () => tally.reset(),
    get counters() {
      const { waiting, bytes } = tally.sums();
      return {
        waiting,
        waitingBytes: bytes,
        droppedByBytes: counters.get('outbox.dropped-by-bytes'),
        droppedByAge: counters.get('outbox.dropped-by-age'),
      };
    },
  };
}

export function sizeOf(message: OutboxMessage): number {
  return rowBytes + Buffer.byteLength(message.topic) + message.payload.byteLength;
}

function toMessage(row: Row): OutboxMessage & { readonly id: number } {
  return {
    id: row.id,
    topic: row.topic,
    payload: row.payload,
    retain: row.retain === 1,
    timeMs: row.time_ms,
    replaceKey: row.replace_key,
    priority: row.priority === 1 ? 'high' : 'low',
  };
}
