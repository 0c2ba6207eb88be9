// Samples found by what is known of them: conditions, the beginning of an id, what their source calls them.
import type { Database } from './database.ts';
import { idOfRow, rowOfId, rowsStarting } from './sample-id.ts';
import { type Sample, type SampleRow, sampleColumns } from './sample-rows.ts';

export interface SampleWish {
  readonly labelled?: boolean | undefined;
  readonly label?: string | undefined;
  readonly source?: string | undefined;
  readonly after?: string | undefined;
}

export interface SampleLookup {
  /** Those that meet all conditions, oldest first; `after` continues a list. */
  page(wanted: SampleWish, limit: number): readonly Sample[];
  /** The sample that its source calls so; reads all rows, so ask `origins.seen` first. */
  ofOrigin(origin: string): string | null;
  /** Ids that begin like this; at most `limit`. */
  starting(prefix: string, limit: number): readonly string[];
}

/** `settle` writes down what waits to be; `read` makes a sample of its row. */
export function createLookup(database: Database, settle: () => void, read: (row: SampleRow) => Sample): SampleLookup {
  return {
    page({ labelled, label, source, after }, limit) {
      settle();
      const sql = `SELECT ${sampleColumns} FROM samples WHERE id > ? AND (? IS NULL OR (label IS NOT NULL) = ?) AND (? IS NULL OR label = ?)
        AND (? IS NULL OR source = ?) ORDER BY id LIMIT ?`;
      const [first, wanted] = [after === undefined ? -1 : (rowOfId(after) ?? -1), labelled === undefined ? null : Number(labelled)];
      const [one, from] = [label ?? null, source ?? null];
      return database.all<SampleRow>(sql, first, wanted, wanted, one, one, from, from, limit).map(read);
    },
    ofOrigin(origin) {
      settle();
      const row = database.get<{ readonly id: number }>('SELECT id FROM samples WHERE origin = ? LIMIT 1', origin);
      return row === undefined ? null : idOfRow(row.id);
    },
    starting(prefix, limit) {
      const rows = rowsStarting(prefix);
      if (rows === null) return [];
      settle();
      const sql = 'SELECT id FROM samples WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?';
      return database.all<{ readonly id: number }>(sql, rows.first, rows.last, limit).map(({ id }) => idOfRow(id));
    },
  };
}
