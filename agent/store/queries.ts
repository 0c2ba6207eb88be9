// Questions to people about samples: asked once a sample, within an hourly budget, answered by a label. The budget survives
// restarts and the eviction of the samples asked about.
import type { Answer } from '../types.ts';
import type { Database } from './database.ts';
import { idOfRow, rowOfId } from './sample-id.ts';
import { type SampleRow, sampleColumns, toSample } from './sample-rows.ts';
import type { Samples } from './samples.ts';

export interface OpenQuery {
  readonly sample: string;
  readonly source: string;
  readonly timeMs: number;
  readonly answer: Answer;
  readonly askedMs: number;
}

export interface Queries {
  /** Whether fewer than `perHour` questions were asked in the hour before. */
  mayAsk(nowMs: number, perHour: number): boolean;
  /** false where the sample is gone, labelled, or was asked about before. */
  ask(sample: string, nowMs: number): boolean;
  /** Newest first. */
  open(limit: number): readonly OpenQuery[];
  isOpen(sample: string): boolean;
  /** How many are open. */
  countOpen(): number;
}

const hourMs = 3_600_000;

/** The budget is looked at for every capture, so that alone does not write what waits. */
export function createQueries(database: Database, { settle, keepRaw }: Pick<Samples, 'settle' | 'keepRaw'>): Queries {
  return {
    mayAsk(nowMs, perHour) {
      // A clock that was ahead and went back must not close the budget for good.
      const sql = 'SELECT count(*) AS n FROM queries WHERE asked_ms > ? AND asked_ms <= ?';
      return (database.get<{ readonly n: number }>(sql, nowMs - hourMs, nowMs)?.n ?? 0) < perHour;
    },
    ask(sample, nowMs) {
      settle();
      return database.transaction(() => {
        database.run('DELETE FROM queries WHERE sample IS NULL AND (asked_ms < ? OR asked_ms > ?)', nowMs - hourMs, nowMs);
        const sql = `INSERT INTO queries (sample, asked_ms, state) SELECT id, ?, 'open' FROM samples WHERE id = ? AND label IS NULL
          ON CONFLICT (sample) DO NOTHING`;
        const row = rowOfId(sample);
        if (row === null || database.run(sql, nowMs, row) !== 1) return false;
        keepRaw(row);
        return true;
      });
    },
    open(limit) {
      settle();
      const sql = `SELECT ${sampleColumns}, asked_ms FROM queries JOIN samples ON samples.id = sample
        WHERE state = 'open' AND label IS NULL ORDER BY asked_ms DESC, samples.id DESC LIMIT ?`;
      return database.all<SampleRow & { readonly asked_ms: number }>(sql, limit).map((row) => {
        const { source, timeMs, answer } = toSample(row);
        return { sample: idOfRow(row.id), source, timeMs, answer, askedMs: row.asked_ms };
      });
    },
    isOpen: (sample) => database.get("SELECT 1 FROM queries WHERE sample = ? AND state = 'open'", rowOfId(sample)) !== undefined,
    countOpen() {
      const sql = "SELECT count(*) AS n FROM queries WHERE state = 'open' AND sample IS NOT NULL";
      return database.get<{ readonly n: number }>(sql)?.n ?? 0;
    },
  };
}
