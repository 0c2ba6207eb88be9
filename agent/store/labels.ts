// What people and sources say a sample shows: given, changed, taken back; durable when the call returns, with a history of who said what
// when. Gives the counts that the schedule and the status page need. Sample ids that the store does not hold are named, not fatal.
import { requireClassName } from '../config/class-name.ts';
import type { Database } from './database.ts';
import { rowOfId } from './sample-id.ts';
import type { Labeller } from './sample-rows.ts';
import type { Shelf } from './shelf.ts';
import { dropViews } from './views.ts';

export interface LabelsGiven {
  readonly labelled: number;
  readonly unknown: readonly string[];
}

export interface LabelEvent {
  /** null: taken back. */
  readonly label: string | null;
  readonly by: Labeller;
  readonly atMs: number;
}

export interface SampleCounts {
  readonly total: number;
  readonly labelled: number;
  readonly bytes: number;
  readonly byClass: Readonly<Record<string, number>>;
}

export interface Labels {
  /** A null label takes it back. Answers the question about the sample, if there is one. */
  set(ids: readonly string[], label: string | null, by: Labeller, atMs: number): LabelsGiven;
  history(id: string): readonly LabelEvent[];
  /** Labelled samples whose label was given after that run began, or since that time; all where the run is not known or null. */
  newSince(point: { readonly run: string | null } | { readonly timeMs: number }): number;
  counts(): SampleCounts;
  /** Number of labelled samples, at no cost. */
  readonly labelled: number;
}

/** `keepRaw` writes the raw bytes of a row that are only in memory. */
export function createLabels(database: Database, shelf: Shelf, keepRaw: (row: number) => void): Labels {
  function setOne(id: string, label: string | null, by: Labeller, atMs: number): boolean {
    const row = rowOfId(id);
    if (row !== null) label === null ? dropViews(database, shelf, row, true) : keepRaw(row);
    const sample = database.get<{ readonly label: string | null; readonly bytes: number; readonly raw_bytes: number }>(
      'SELECT label, bytes, raw_bytes FROM samples WHERE id = ?',
      row,
    );
    if (sample === undefined || row === null) return false;
    database.run('INSERT INTO labels (sample, label, given_by, at_ms) VALUES (?, ?, ?, ?)', row, label, by, atMs);
    database.run('UPDATE samples SET label = ? WHERE id = ?', label, row);
    database.run("UPDATE queries SET state = 'answered' WHERE sample = ? AND state = 'open'", row);
    if ((sample.label === null) !== (label === null)) {
      shelf.moved(row, { bytes: sample.bytes, rawBytes: sample.raw_bytes }, label !== null);
    }
    return true;
  }

  function markOf(point: { readonly run: string | null } | { readonly timeMs: number }): number {
    if ('timeMs' in point) {
      const sql = 'SELECT coalesce(max(seq), 0) AS mark FROM labels WHERE at_ms < ?';
      return database.get<{ readonly mark: number }>(sql, point.timeMs)?.mark ?? 0;
    }
    return database.get<{ readonly mark: number }>('SELECT label_mark AS mark FROM runs WHERE id = ?', point.run)?.mark ?? 0;
  }

  const grouped = (sql: string): Record<string, number> => {
    const rows = database.all<{ readonly name: string; readonly n: number }>(sql);
    return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
  };

  return {
    get labelled() {
      return shelf.sums.labelled;
    },
    set: (ids, label, by, atMs) =>
      database.transaction(() => {
        if (label !== null) requireClassName(label);
        const unknown = ids.filter((id) => !setOne(id, label, by, atMs));
        return { labelled: ids.length - unknown.length, unknown };
      }),
    history: (id) =>
      database
        .all<{ readonly label: string | null; readonly given_by: Labeller; readonly at_ms: number }>(
          'SELECT label, given_by, at_ms FROM labels WHERE sample = ? ORDER BY seq',
          rowOfId(id),
        )
        .map(({ label, given_by, at_ms }) => ({ label, by: given_by, atMs: at_ms })),
    newSince(point) {
      const sql = `SELECT count(DISTINCT sample) AS n FROM labels JOIN samples ON samples.id = sample
        WHERE seq > ? AND samples.label IS NOT NULL`;
      return database.get<{ readonly n: number }>(sql, markOf(point))?.n ?? 0;
    },
    counts() {
      const byClass = grouped('SELECT label AS name, count(*) AS n FROM samples WHERE label IS NOT NULL GROUP BY label ORDER BY label');
      const { unlabelled, labelled, unlabelledBytes, labelledBytes } = shelf.sums;
      return { total: unlabelled + labelled, labelled, bytes: unlabelledBytes + labelledBytes, byClass };
    },
  };
}
