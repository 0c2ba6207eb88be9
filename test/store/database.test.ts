import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Database, openDatabase, openReadOnly } from '../../agent/store/database.ts';
import { temporaryDirectory } from './fixtures.ts';

const table = ['CREATE TABLE t (n INTEGER PRIMARY KEY, data BLOB)'];

function open(path: string, migrations: readonly string[] = table): Database {
  const { database } = openDatabase(path, migrations);
  onTestFinished(() => database.close());
  return database;
}

const countOf = (database: Database) => database.get<{ readonly n: number }>('SELECT count(*) AS n FROM t')?.n;
const codeOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return (error as { readonly code?: string }).code;
  }
  return null;
};

test('is durable, overwrites what is deleted, checks references, and belongs to its owner only', () => {
  const path = join(temporaryDirectory(), 'deep', 'store.db');
  const database = open(path);
  const pragma = (name: string) => Object.values(database.get<Record<string, unknown>>(`PRAGMA ${name}`) ?? {})[0];
  expect(pragma('journal_mode')).toBe('wal');
  expect(pragma('synchronous')).toBe(2);
  expect(pragma('secure_delete')).toBe(1);
  expect(pragma('foreign_keys')).toBe(1);
  expect(pragma('auto_vacuum')).toBe(2);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  database.lazyTransaction(() => expect(pragma('synchronous')).toBe(1));
  expect(pragma('synchronous')).toBe(2);
});

test('a transaction is all or nothing, also with others inside it', () => {
  const database = open(join(temporaryDirectory(), 'a.db'));
  const insert = (n: number) => database.run('INSERT INTO t VALUES (?, NULL)', n);
  const before = database.epoch();
  expect(() =>
    database.transaction(() => {
      insert(1);
      database.transaction(() => insert(2));
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(countOf(database)).toBe(0);
  expect(database.epoch()).not.toBe(before);
  database.transaction(() => database.lazyTransaction(() => insert(3)));
  expect(countOf(database)).toBe(1);
});

test('migrations run once each, and a newer database is refused untouched', () => {
  const path = join(temporaryDirectory(), 'a.db');
  open(path).close();
  const two = [...table, 'ALTER TABLE t ADD COLUMN more TEXT; INSERT INTO t (more) VALUES (1)'];
  open(path, two).close();
  const again = open(path, two);
  expect(countOf(again)).toBe(1);
  again.close();
  const bytes = readFileSync(path);
  expect(codeOf(() => open(path, table))).toBe('store-newer');
  expect(readFileSync(path).equals(bytes)).toBe(true);
  expect(codeOf(() => openReadOnly(path, 1))).toBe('store-newer');
  expect(codeOf(() => openReadOnly(path, 3))).toBe('store-failed');
});

test('a migration that fails leaves the version before it', () => {
  const path = join(temporaryDirectory(), 'a.db');
  open(path).close();
  expect(() => open(path, [...table, 'INSERT INTO t VALUES (7, NULL); INSERT INTO nowhere VALUES (1)'])).toThrow(/nowhere/);
  expect(countOf(open(path))).toBe(0);
});

test.each([
  ['random bytes', (path: string) => writeFileSync(path, Buffer.alloc(20_000, 'not a database '))],
  [
    'zeroed pages',
    (path: string) => {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0, 4096, 5 * 4096));
    },
  ],
  ['cut off', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 9000))],
])('a damaged file (%s) is moved aside with its bytes, and the store begins anew', (_, damage) => {
  const directory = temporaryDirectory();
  const path = join(directory, 'a.db');
  const database = open(path);
  for (let n = 1; n <= 50; n += 1) database.run('INSERT INTO t VALUES (?, zeroblob(500))', n);
  database.close();
  damage(path);
  const damaged = readFileSync(path);
  const opened = openDatabase(path, table, { check: 'always' });
  onTestFinished(() => opened.database.close());
  expect(opened.broken?.movedTo).toBe(`${path}.broken-1`);
  expect(opened.broken?.reason).toMatch(/database '.*a\.db'/);
  expect(readFileSync(`${path}.broken-1`).equals(damaged)).toBe(true);
  expect(countOf(opened.database)).toBe(0);
});

test('damage that is seen while it runs is looked for at the next start', () => {
  const path = join(temporaryDirectory(), 'a.db');
  const first = open(path);
  for (let n = 1; n <= 50; n += 1) first.run('INSERT INTO t VALUES (?, zeroblob(500))', n);
  first.close();
  writeFileSync(path, readFileSync(path).fill(0, 4096));
  const opened = openDatabase(path, table);
  expect(opened.broken).toBeNull();
  expect(codeOf(() => opened.database.all('SELECT * FROM t'))).toBe('store-corrupt');
  opened.database.close();
  expect(openDatabase(path, table).broken).not.toBeNull();
  expect(existsSync(`${path}.suspect`)).toBe(false);
});

test('a crash leaves a log, and what it holds is there after the next start', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'a.db');
  const database = open(path);
  database.run('INSERT INTO t VALUES (1, NULL)');
  const copy = join(directory, 'copy');
  mkdirSync(copy);
  for (const name of readdirSync(directory).filter((name) => name.startsWith('a.db')))
    copyFileSync(join(directory, name), join(copy, name));
  const opened = openDatabase(join(copy, 'a.db'), table);
  expect(opened.broken).toBeNull();
  expect(countOf(opened.database)).toBe(1);
  opened.database.close();
});

test('a file at its ceiling is a full disk: typed, nothing half done, and usable again', () => {
  const { database } = openDatabase(join(temporaryDirectory(), 'a.db'), table, { maxFileBytes: 10 * 4096 });
  onTestFinished(() => database.close());
  database.run('INSERT INTO t VALUES (1, zeroblob(4000))');
  const fill = () =>
    database.transaction(() => {
      database.run('INSERT INTO t VALUES (2, NULL)');
      database.run('INSERT INTO t VALUES (3, zeroblob(100000))');
    });
  expect(codeOf(fill)).toBe('disk-full');
  expect(countOf(database)).toBe(1);
  database.run('INSERT INTO t VALUES (2, zeroblob(100))');
  expect(countOf(database)).toBe(2);
});

test('a state directory that cannot be made is named', () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  expect(() => open(join(file, 'state', 'a.db'))).toThrow(/cannot open the database in '.*file\/state\/a\.db'/);
  expect(codeOf(() => open(join(file, 'state', 'a.db')))).toBe('state-unwritable');
});

test('readers see one moment while a writer goes on, and a held database says so', () => {
  const path = join(temporaryDirectory(), 'a.db');
  const writer = open(path);
  writer.run('INSERT INTO t VALUES (1, NULL)');
  const reader = openReadOnly(path, 1);
  onTestFinished(() => reader.close());
  reader.snapshot(() => {
    expect(countOf(reader)).toBe(1);
    writer.run('INSERT INTO t VALUES (2, NULL)');
    expect(countOf(reader)).toBe(1);
    expect(writer.emptyLog()).toBe(false);
  });
  expect(countOf(reader)).toBe(2);
  expect(writer.emptyLog()).toBe(true);
  expect(codeOf(() => reader.run('INSERT INTO t VALUES (3, NULL)'))).toBe('state-unwritable');
  const { database: other } = openDatabase(path, table, { busyTimeoutMs: 10 });
  onTestFinished(() => other.close());
  writer.transaction(() => {
    writer.run('INSERT INTO t VALUES (3, NULL)');
    expect(codeOf(() => other.run('INSERT INTO t VALUES (4, NULL)'))).toBe('already-running');
  });
});
