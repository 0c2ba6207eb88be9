// The only importer of node:sqlite. Opens a database file that survives power loss (WAL, synchronous=FULL) and overwrites what is
// deleted; gives statements and transactions. Refuses a database of a newer version; a damaged one is moved aside, never deleted.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { WhetError } from '../errors.ts';
import { clearSuspicion, createFile, isSuspect, markSuspect, moveAside } from './database-file.ts';
import { sqliteFailure } from './failure.ts';

export type SqlValue = null | number | string | Uint8Array;

export interface Database {
  readonly path: string;
  /** First row, or undefined. The statement is prepared once for each text, so texts must not be made from values. */
  get<T>(sql: string, ...values: readonly SqlValue[]): T | undefined;
  all<T>(sql: string, ...values: readonly SqlValue[]): readonly T[];
  /** Gives the number of rows that were changed. */
  run(sql: string, ...values: readonly SqlValue[]): number;
  exec(sql: string): void;
  /** All or nothing, durable when it returns. A transaction inside another joins it, so its errors must not be caught there. */
  transaction<T>(work: () => T): T;
  /** As `transaction`, but a power cut may undo it: for what only repeats work when it is lost. Saves a flush to the disk. */
  lazyTransaction<T>(work: () => T): T;
  /** Everything that `work` reads is of one moment, whatever other processes write meanwhile. */
  snapshot<T>(work: () => T): T;
  /** Changes whenever another connection committed or a transaction was rolled back: what was counted before must be counted again. */
  epoch(): string;
  /** Writes the log back and cuts it to nothing, so that overwritten bytes do not live on in it; false while another process reads. */
  emptyLog(): boolean;
  close(): void;
}

export interface DatabaseOptions {
  /** Milliseconds to wait for another process's transaction. */
  readonly busyTimeoutMs?: number;
  /** When every page is looked at before use; 'after-crash' unless told, since it reads the whole file. */
  readonly check?: 'after-crash' | 'always';
  /** Hard ceiling of the file; beyond it writes fail as on a full disk. */
  readonly maxFileBytes?: number;
}

/** A damaged database that was moved out of the way. */
export interface Broken {
  readonly reason: string;
  readonly movedTo: string;
}

const pageBytes = 4096;

/** Opens for writing, creating directory and file where missing. `migrations[n]` leads from version n to n + 1. */
export function openDatabase(
  path: string,
  migrations: readonly string[],
  options: DatabaseOptions = {},
): { readonly database: Database; readonly broken: Broken | null } {
  createFile(path);
  try {
    return { database: openWritable(path, migrations, options), broken: null };
  } catch (error) {
    if (!(error instanceof WhetError && error.code === 'store-corrupt')) throw error;
    const movedTo = moveAside(path);
    createFile(path);
    return { database: openWritable(path, migrations, options), broken: { reason: error.message, movedTo } };
  }
}

/** Opens an existing database for a process that only looks: the trainer, the command line. */
export function openReadOnly(path: string, version: number, options: Pick<DatabaseOptions, 'busyTimeoutMs'> = {}): Database {
  const timeout = options.busyTimeoutMs ?? 5000;
  const db = translated(path, () => new DatabaseSync(path, { readOnly: true, timeout }));
  const database = wrap(db, path, timeout);
  closingOnError(database, () => refuseOtherVersion(database, version, 'exactly'));
  return database;
}

function openWritable(path: string, migrations: readonly string[], options: DatabaseOptions): Database {
  const suspect = options.check === 'always' || isSuspect(path);
  const timeout = options.busyTimeoutMs ?? 5000;
  const db = translated(path, () => new DatabaseSync(path, { timeout, enableForeignKeyConstraints: true }));
  const database = wrap(db, path, timeout);
  closingOnError(database, () => {
    if (suspect) checkPages(database);
    refuseOtherVersion(database, migrations.length, 'at most');
    // Must stand before the first page is written, and would be written anew at every opening.
    if (versionOf(database) === 0) database.exec('PRAGMA auto_vacuum=INCREMENTAL');
    database.exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;
      PRAGMA journal_size_limit=${1024 * pageBytes}`);
    if (options.maxFileBytes !== undefined) database.exec(`PRAGMA max_page_count=${Math.ceil(options.maxFileBytes / pageBytes)}`);
    migrate(database, migrations);
  });
  clearSuspicion(path);
  return database;
}

function wrap(db: DatabaseSync, path: string, busyTimeoutMs: number): Database {
  const statements = new Map<string, StatementSync>();
  let rollbacks = 0;

  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      const failure = sqliteFailure(error, path);
      if (failure instanceof WhetError && failure.code === 'store-corrupt') markSuspect(path);
      throw failure;
    }
  };
  const prepared = (sql: string): StatementSync => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = db.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const exec = (sql: string) => guarded(() => db.exec(sql));
  const begun = <T>(begin: string, work: () => T): T => {
    if (db.isTransaction) return work();
    exec(begin);
    try {
      const result = work();
      exec('COMMIT');
      return result;
    } catch (error) {
      rollbacks += 1;
      // A full disk may have rolled it back already.
      if (db.isTransaction) exec('ROLLBACK');
      throw error;
    }
  };

  return {
    path,
    get: <T>(sql: string, ...values: readonly SqlValue[]) => guarded(() => prepared(sql).get(...values) as T | undefined),
    all: <T>(sql: string, ...values: readonly SqlValue[]) => guarded(() => prepared(sql).all(...values) as unknown as readonly T[]),
    run: (sql, ...values) => guarded(() => Number(prepared(sql).run(...values).changes)),
    exec,
    transaction: (work) => begun('BEGIN IMMEDIATE', work),
    lazyTransaction(work) {
      if (db.isTransaction) return work();
      exec('PRAGMA synchronous=NORMAL');
      try {
        return begun('BEGIN IMMEDIATE', work);
      } finally {
        exec('PRAGMA synchronous=FULL');
      }
    },
    snapshot: (work) => begun('BEGIN', work),
    epoch: () => `${guarded(() => prepared('PRAGMA data_version').get()?.data_version)}/${rollbacks}`,
    emptyLog() {
      exec('PRAGMA busy_timeout=250');
      try {
        return guarded(() => prepared('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy) === 0;
      } finally {
        exec(`PRAGMA busy_timeout=${busyTimeoutMs}`);
      }
    },
    close() {
      statements.clear();
      if (db.isOpen) guarded(() => db.close());
    },
  };
}

function translated<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw sqliteFailure(error, path);
  }
}

function closingOnError(database: Database, work: () => void): void {
  try {
    work();
  } catch (error) {
    try {
      database.close();
    } catch {
      // The first error is the one to tell.
    }
    throw error;
  }
}

function checkPages(database: Database): void {
  const first = database.get<{ readonly quick_check: string }>('PRAGMA quick_check(1)')?.quick_check;
  if (first !== 'ok') throw new WhetError('store-corrupt', `database '${database.path}' is damaged: ${first}`);
}

function versionOf(database: Database): number {
  return database.get<{ readonly user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
}

function refuseOtherVersion(database: Database, known: number, match: 'at most' | 'exactly'): void {
  const version = versionOf(database);
  if (match === 'at most' ? version <= known : version === known) return;
  throw new WhetError(
    version > known ? 'store-newer' : 'store-failed',
    `database '${database.path}' has version ${version}; this Whetstone knows ${match} ${known}`,
    {
      hint:
        version > known ? 'Install the newer Whetstone again, or use another state directory.' : 'Start `whet run` once; it upgrades it.',
    },
  );
}

function migrate(database: Database, migrations: readonly string[]): void {
  for (let version = versionOf(database); version < migrations.length; version += 1) {
    database.transaction(() => database.exec(`${migrations[version]}; PRAGMA user_version=${version + 1}`));
  }
}
