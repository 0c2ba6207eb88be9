// Training runs: begun, then finished with a report, failed, or found interrupted at the next start. Remembers which samples a run learned
// from, so that forgetting a sample names the runs, and through their manifests the releases, that must go.
import type { TrainingReport } from '../types.ts';
import type { Database } from './database.ts';
import { idOfRow, rowOfId } from './sample-id.ts';

export interface Run {
  readonly id: string;
  readonly reason: string;
  readonly state: 'running' | 'finished' | 'failed' | 'interrupted';
  readonly beganMs: number;
  readonly endedMs: number | null;
  readonly report: TrainingReport | null;
  readonly error: string | null;
  /** A sample that it learned from was forgotten. */
  readonly tainted: boolean;
}

export interface Runs {
  begin(id: string, reason: string, nowMs: number): void;
  /** Call before a release of this run is written. Taints the run where one of the samples was forgotten meanwhile. */
  learnedFrom(id: string, samples: readonly string[]): { readonly tainted: boolean };
  finish(id: string, report: TrainingReport, nowMs: number): void;
  fail(id: string, error: string, nowMs: number): void;
  /** What still counts as running was cut off: call once at start. */
  interruptUnfinished(nowMs: number): readonly string[];
  get(id: string): Run | null;
  /** Newest first. */
  list(limit: number): readonly Run[];
  lastFinished(): Run | null;
  /** Id of the last finished run that learned something: the labels before it are used up. */
  lastLearned(): string | null;
  trainedOn(id: string): readonly string[];
  /** Runs whose releases must be removed; they stay in this list until `purged`. */
  tainted(): readonly string[];
  purged(id: string): void;
  /** Samples of runs without a release are not needed any more; old runs without samples go. */
  prune(runsWithRelease: readonly string[], keep: number): void;
}

interface Row {
  readonly id: string;
  readonly reason: string;
  readonly state: Run['state'];
  readonly began_ms: number;
  readonly ended_ms: number | null;
  readonly report: string | null;
  readonly error: string | null;
  readonly tainted: number;
}

const columns = 'id, reason, state, began_ms, ended_ms, report, error, tainted';

export function createRuns(database: Database): Runs {
  function end(id: string, state: Run['state'], nowMs: number, report: TrainingReport | null, error: string | null): void {
    database.transaction(() => {
      const sql = "UPDATE runs SET state = ?, ended_ms = ?, report = ?, error = ? WHERE id = ? AND state = 'running'";
      database.run(sql, state, nowMs, report === null ? null : JSON.stringify(report), error, id);
      dropForgotten();
    });
  }

  /** Ids of forgotten samples are only of interest while a run that may have read them is under way. */
  function dropForgotten(): void {
    database.run("DELETE FROM forgotten WHERE NOT EXISTS (SELECT 1 FROM runs WHERE state = 'running')");
  }

  const first = (rows: readonly Row[]): Run | null => (rows[0] === undefined ? null : toRun(rows[0]));

  return {
    begin(id, reason, nowMs) {
      const sql = `INSERT INTO runs (id, reason, state, began_ms, label_mark)
        VALUES (?, ?, 'running', ?, (SELECT coalesce(max(seq), 0) FROM labels))`;
      database.run(sql, id, reason, nowMs);
    },
    learnedFrom: (id, samples) =>
      database.transaction(() => {
        const rows = samples.map((sample) => rowOfId(sample)).filter((row) => row !== null);
        const forgotten = new Set(database.all<{ readonly sample: number }>('SELECT sample FROM forgotten').map(({ sample }) => sample));
        const tainted = rows.some((row) => forgotten.has(row));
        database.run('UPDATE runs SET trained_on = ?, tainted = max(tainted, ?) WHERE id = ?', packRows(rows), tainted ? 1 : 0, id);
        return { tainted };
      }),
    finish: (id, report, nowMs) => end(id, 'finished', nowMs, report, null),
    fail: (id, error, nowMs) => end(id, 'failed', nowMs, null, error),
    interruptUnfinished: (nowMs) =>
      database.transaction(() => {
        const cut = database.all<{ readonly id: string }>("SELECT id FROM runs WHERE state = 'running' ORDER BY seq").map(({ id }) => id);
        for (const id of cut) end(id, 'interrupted', nowMs, null, 'the device stopped while it ran');
        dropForgotten();
        return cut;
      }),
    get: (id) => first(database.all<Row>(`SELECT ${columns} FROM runs WHERE id = ?`, id)),
    list: (limit) => database.all<Row>(`SELECT ${columns} FROM runs ORDER BY seq DESC LIMIT ?`, limit).map(toRun),
    lastFinished: () => first(database.all<Row>(`SELECT ${columns} FROM runs WHERE state = 'finished' ORDER BY seq DESC LIMIT 1`)),
    lastLearned: () => {
      const sql =
        "SELECT id FROM runs WHERE state = 'finished' AND json_extract(report, '$.learner') IS NOT NULL ORDER BY seq DESC LIMIT 1";
      return database.get<{ readonly id: string }>(sql)?.id ?? null;
    },
    trainedOn(id) {
      const packed = database.get<{ readonly trained_on: Uint8Array | null }>('SELECT trained_on FROM runs WHERE id = ?', id)?.trained_on;
      return packed === null || packed === undefined ? [] : [...unpackRows(packed)].map(idOfRow);
    },
    tainted: () => database.all<{ readonly id: string }>('SELECT id FROM runs WHERE tainted = 1 ORDER BY seq').map(({ id }) => id),
    purged: (id) => {
      database.run('UPDATE runs SET tainted = 0, trained_on = NULL WHERE id = ?', id);
    },
    prune: (runsWithRelease, keep) =>
      database.transaction(() => {
        const kept = JSON.stringify(runsWithRelease);
        database.run(
          `UPDATE runs SET trained_on = NULL, tainted = 0 WHERE state <> 'running' AND trained_on IS NOT NULL
            AND id NOT IN (SELECT value FROM json_each(?))`,
          kept,
        );
        database.run(
          `DELETE FROM runs WHERE state <> 'running' AND trained_on IS NULL AND seq NOT IN (SELECT seq FROM runs ORDER BY seq DESC LIMIT ?)
            AND seq IS NOT (SELECT max(seq) FROM runs WHERE state = 'finished')
            AND seq IS NOT (SELECT max(seq) FROM runs WHERE state = 'finished' AND json_extract(report, '$.learner') IS NOT NULL)`,
          keep,
        );
      }),
  };
}

function toRun(row: Row): Run {
  const { id, reason, state, error } = row;
  const report = row.report === null ? null : (JSON.parse(row.report) as TrainingReport);
  return { id, reason, state, error, report, beganMs: row.began_ms, endedMs: row.ended_ms, tainted: row.tainted === 1 };
}

/** Row numbers of samples, ascending, eight bytes each. */
function packRows(rows: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(rows).sort().buffer);
}

export function unpackRows(packed: Uint8Array): Float64Array {
  return new Float64Array(packed.slice().buffer);
}
