// Exact forgetting: selected samples with their labels, pictures and questions leave every table, the log and the free pages; messages
// about them that still wait in the outbox leave too. Names the runs that learned from them. Refuses a selector without a condition.
import { WhetError } from '../errors.ts';
import type { Database, SqlValue } from './database.ts';
import { forgetInMoments } from './moments.ts';
import { unpackRows } from './runs.ts';
import { idOfRow, rowOfId } from './sample-id.ts';

/** Conditions that stand together must all hold. */
export interface SampleSelector {
  readonly samples?: readonly string[] | undefined;
  /** The label that it has now. */
  readonly label?: string | undefined;
  readonly source?: string | undefined;
  /** Time of the capture. */
  readonly beforeMs?: number | undefined;
  readonly afterMs?: number | undefined;
  readonly all?: boolean | undefined;
}

export interface ForgottenSamples {
  readonly ids: readonly string[];
  /** Runs that learned from them; `runs.tainted()` keeps them until their releases are purged. */
  readonly runs: readonly string[];
  /** false: another process still reads an older state; `checkpoint` overwrites the bytes once it has ended. */
  readonly erased: boolean;
}

/** Topics whose payloads speak about one sample, in their field `sample`. */
const topicsAboutSamples = "('query', 'prediction')";

export function forgetSamples(database: Database, selector: SampleSelector, changed: () => void): ForgottenSamples {
  const { rows, runs } = database.transaction(() => {
    const rows = selected(database, selector);
    if (rows.length === 0) return { rows, runs: [] };
    const ids = rows.map(idOfRow);
    database.run(`DELETE FROM samples WHERE id IN (SELECT value FROM json_each(?))`, JSON.stringify(rows));
    forgetInMoments(database);
    database.run(
      `DELETE FROM outbox WHERE topic IN ${topicsAboutSamples}
        AND CASE WHEN json_valid(CAST(payload AS TEXT)) THEN json_extract(CAST(payload AS TEXT), '$.sample') END IN (SELECT value FROM json_each(?))`,
      JSON.stringify(ids),
    );
    const running = database.get("SELECT 1 FROM runs WHERE state = 'running'") !== undefined;
    if (running) database.run('INSERT OR IGNORE INTO forgotten SELECT value FROM json_each(?)', JSON.stringify(rows));
    changed();
    return { rows, runs: taint(database, new Set(rows)) };
  });
  if (rows.length === 0) return { ids: [], runs: [], erased: true };
  database.exec('PRAGMA incremental_vacuum');
  return { ids: rows.map(idOfRow), runs, erased: database.emptyLog() };
}

/** What forgetting would take, and the runs that learned from it; changes nothing. */
export function wouldForget(database: Database, selector: SampleSelector): Omit<ForgottenSamples, 'erased'> {
  const rows = selected(database, selector);
  return { ids: rows.map(idOfRow), runs: learnedFrom(database, new Set(rows)) };
}

function selected(database: Database, selector: SampleSelector): readonly number[] {
  const { where, values } = condition(selector);
  return database.all<{ readonly id: number }>(`SELECT id FROM samples WHERE ${where} ORDER BY id`, ...values).map(({ id }) => id);
}

function learnedFrom(database: Database, rows: ReadonlySet<number>): readonly string[] {
  const trained = database.all<{ readonly id: string; readonly trained_on: Uint8Array }>(
    'SELECT id, trained_on FROM runs WHERE trained_on IS NOT NULL ORDER BY seq',
  );
  return trained.filter(({ trained_on }) => unpackRows(trained_on).some((row) => rows.has(row))).map(({ id }) => id);
}

function taint(database: Database, rows: ReadonlySet<number>): readonly string[] {
  const runs = learnedFrom(database, rows);
  for (const run of runs) database.run('UPDATE runs SET tainted = 1 WHERE id = ?', run);
  return runs;
}

function condition(selector: SampleSelector): { readonly where: string; readonly values: readonly SqlValue[] } {
  const parts: (readonly [string, SqlValue])[] = [];
  if (selector.samples !== undefined) {
    const rows = selector.samples.map(rowOfId).filter((row) => row !== null);
    parts.push(['id IN (SELECT value FROM json_each(?))', JSON.stringify(rows)]);
  }
  if (selector.label !== undefined) parts.push(['label = ?', selector.label]);
  if (selector.source !== undefined) parts.push(['source = ?', selector.source]);
  if (selector.beforeMs !== undefined) parts.push(['time_ms < ?', selector.beforeMs]);
  if (selector.afterMs !== undefined) parts.push(['time_ms > ?', selector.afterMs]);
  if (parts.length === 0 && selector.all !== true) {
    throw new WhetError('usage', 'forget needs to know which samples', { hint: 'Give ids, a label, a source, a time, or all.' });
  }
  return { where: parts.length === 0 ? 'true' : parts.map(([sql]) => sql).join(' AND '), values: parts.map(([, value]) => value) };
}
