// What is asked of the store at every capture, label and look reads no table from end to end: the plans of all statements that were prepared
// while a device lived a little, with statistics of a store of 100,000 samples.
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { addTo, backbone, storeIn, temporaryDirectory } from './fixtures.ts';

/** Statements that count once a start; and tables that stay small: runs are pruned, backbones are a handful. */
const rare = [/FROM origins$/, /FROM samples GROUP BY 1/, /coalesce\(sum\((bytes|length)/, /max\(lived_ms\)/, /min\(lived_ms\)/];

test('no hot statement scans a table', () => {
  const prepared = new Set<string>();
  const prepare = DatabaseSync.prototype.prepare;
  onTestFinished(() => {
    DatabaseSync.prototype.prepare = prepare;
  });
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, ...args) {
    prepared.add(args[0]);
    return prepare.apply(this, args);
  };
  const directory = temporaryDirectory();
  const store = storeIn(directory, { samples: { maxUnlabelled: 5, maxBytes: 1e8, maxRawBytes: 400 } });
  const message = { topic: 'x', payload: new Uint8Array(9), retain: false, timeMs: 1, priority: 'low' } as const;
  for (let index = 0; index < 12; index += 1) {
    const id = addTo(store, { raw: new Uint8Array(200), origin: `o${index}` });
    store.queries.mayAsk(index, 5);
    store.queries.ask(id, index);
    store.queries.open(10);
    store.queries.countOpen();
    if (index % 2 === 0) store.labels.set([id], index % 4 === 0 ? 'cat' : 'dog', 'cli', index);
    store.labels.counts();
    store.labels.newSince({ run: null });
    store.views.missing(backbone, 10);
    store.views.set(id, backbone, []);
    store.samples.toReembed(backbone);
    store.moments.assign({ burstMs: () => 1000, separate: [], distance: 3 });
    store.outbox.enqueue({ ...message, replaceKey: index % 3 === 0 ? 'k' : null });
    store.outbox.pending(5);
    store.outbox.acknowledge(index);
    store.commands.accept({ type: 'label', id: `c${index}`, payload: new Uint8Array(3), timeMs: 1 });
    store.commands.unfinished();
    store.commands.finish('label', `c${index}`, { ...message, replaceKey: null });
    store.runs.lastFinished();
    store.settings.set('a', index);
    store.settings.get('a');
    store.sizes();
  }
  const database = new DatabaseSync(`${directory}/store.db`);
  onTestFinished(() => database.close());
  const scans = [...prepared]
    .filter((sql) => /^\s*(SELECT|UPDATE|DELETE|INSERT)/i.test(sql) && !rare.some((pattern) => pattern.test(sql)))
    .flatMap((sql) => {
      const plan = prepare.call(database, `EXPLAIN QUERY PLAN ${sql}`).all() as { readonly detail: string }[];
      // A partial index in order is read as far as it is needed; a covering one is a small part of its table.
      return plan
        .map(({ detail }) => detail)
        .filter((detail) => /^SCAN (?!CONSTANT|runs|backbones)/.test(detail) && !/USING .*INDEX/.test(detail))
        .map((detail) => `${detail}: ${sql}`);
    });
  expect(scans).toEqual([]);
  expect(prepared.size).toBeGreaterThan(30);
});
