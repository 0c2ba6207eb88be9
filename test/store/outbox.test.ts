import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '../../agent/store/database.ts';
import { createOutbox, sizeOf } from '../../agent/store/outbox.ts';
import { migrations } from '../../agent/store/schema.ts';
import type { OutboxMessage } from '../../agent/types.ts';
import { clockAt, storeIn, temporaryDirectory, temporaryStore } from './fixtures.ts';

const message = (changes: Partial<OutboxMessage> & { readonly text?: string } = {}): OutboxMessage => ({
  topic: 'report',
  payload: Buffer.from(changes.text ?? 'x'),
  retain: true,
  timeMs: Date.UTC(2026, 10, 1),
  replaceKey: null,
  priority: 'high',
  ...changes,
});
const texts = (messages: readonly OutboxMessage[]) => messages.map(({ payload }) => Buffer.from(payload).toString());

test('messages come in order, whole, after a restart, until they are acknowledged', () => {
  const directory = temporaryDirectory();
  const store = storeIn(directory);
  for (const text of ['a', 'b', 'c']) store.outbox.enqueue(message({ text }));
  const [first, second] = store.outbox.pending(2);
  expect(first).toMatchObject({ topic: 'report', retain: true, timeMs: Date.UTC(2026, 10, 1), replaceKey: null, priority: 'high' });
  expect(texts(store.outbox.pending(10, first!.id))).toEqual(['b', 'c']);
  store.outbox.acknowledge(second!.id);
  store.outbox.acknowledge(second!.id);
  store.close();
  const again = storeIn(directory);
  expect(texts(again.outbox.pending(10))).toEqual(['a', 'c']);
  // An id is never given twice, or a late acknowledgement would delete another message.
  for (const { id } of again.outbox.pending(10)) again.outbox.acknowledge(id);
  again.outbox.enqueue(message());
  expect(again.outbox.pending(1)[0]!.id).toBeGreaterThan(3);
});

test('a message with the same key takes the place of one that waits, at the end of the queue', () => {
  const store = temporaryStore();
  store.outbox.enqueue(message({ text: 'old', replaceKey: 'report' }));
  store.outbox.enqueue(message({ text: 'other' }));
  store.outbox.enqueue(message({ text: 'new', replaceKey: 'report' }));
  expect(texts(store.outbox.pending(10))).toEqual(['other', 'new']);
  expect(store.outbox.counters).toMatchObject({ waiting: 2, droppedByBytes: 0, droppedByAge: 0 });
});

test('what is too old is passed over and then dropped and counted; reports and answers are not', () => {
  const clock = clockAt();
  const store = temporaryStore({ clock, outbox: { maxBytes: 1e6, maxAgeMs: 1000 } });
  store.outbox.enqueue(message({ text: 'old', priority: 'low' }));
  store.outbox.enqueue(message({ text: 'report', priority: 'high' }));
  clock.pass(2000);
  expect(texts(store.outbox.pending(10))).toEqual(['report']);
  store.outbox.enqueue(message({ text: 'new', priority: 'low' }));
  expect(texts(store.outbox.pending(10))).toEqual(['report', 'new']);
  expect(store.outbox.counters).toMatchObject({ waiting: 2, droppedByAge: 1 });
});

test.each([
  ['ahead', 20 * 365],
  ['back', -20 * 365],
])('a clock that is set by years %s makes nothing old', (_, days) => {
  const clock = clockAt();
  const store = temporaryStore({ clock, outbox: { maxBytes: 1e6, maxAgeMs: 1000 } });
  store.outbox.enqueue(message({ text: 'a', priority: 'low' }));
  clock.nowMs += days * 86_400_000;
  store.outbox.enqueue(message({ text: 'b', priority: 'low', timeMs: clock.nowMs }));
  expect(texts(store.outbox.pending(10))).toEqual(['a', 'b']);
});

test('the age goes on where it was after a restart', () => {
  const directory = temporaryDirectory();
  const outbox = { maxBytes: 1e6, maxAgeMs: 1000 };
  const before = clockAt();
  const store = storeIn(directory, { clock: before, outbox });
  store.outbox.enqueue(message({ text: 'a', priority: 'low' }));
  before.pass(600);
  store.outbox.enqueue(message({ text: 'b', priority: 'low' }));
  store.close();
  const after = clockAt();
  const again = storeIn(directory, { clock: after, outbox });
  after.pass(500);
  expect(texts(again.outbox.pending(10))).toEqual(['b']);
});

test('what was dropped stays counted after a restart', () => {
  const directory = temporaryDirectory();
  const outbox = { maxBytes: 3 * sizeOf(message()), maxAgeMs: 1e9 };
  const store = storeIn(directory, { outbox });
  for (let index = 0; index < 5; index += 1) store.outbox.enqueue(message());
  store.outbox.enqueue(message({ text: 'x'.repeat(1000) }));
  store.close();
  expect(storeIn(directory, { outbox }).outbox.counters).toMatchObject({ waiting: 3, droppedByBytes: 3 });
});

interface Step {
  readonly kind: 'enqueue' | 'acknowledge' | 'wait' | 'undo';
  readonly size: number;
  readonly priority: 'low' | 'high';
  readonly key: string | null;
}

test('drops as stated, whatever the order of events: against a list in memory', () => {
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('enqueue', 'enqueue', 'enqueue', 'enqueue', 'acknowledge', 'wait', 'undo'),
    size: fc.integer({ min: 0, max: 600 }),
    priority: fc.constantFrom('low', 'high'),
    key: fc.constantFrom(null, null, null, 'a', 'b'),
  });
  const limits = { maxBytes: 1500, maxAgeMs: 10_000 };
  const clock = clockAt();
  const { database } = openDatabase(`${temporaryDirectory()}/a.db`, migrations);
  onTestFinished(() => database.close());
  // The policy is what is tested here; flushing to the disk would only take time.
  database.exec('PRAGMA synchronous=OFF');

  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      database.exec('DELETE FROM outbox; DELETE FROM counters');
      const outbox = createOutbox(database, limits, clock);
      const isFresh = ({ timeMs, priority }: OutboxMessage) => priority === 'high' || timeMs >= clock.nowMs - limits.maxAgeMs;
      let oracle: (OutboxMessage & { readonly number: number })[] = [];
      let [droppedByBytes, droppedByAge] = [0, 0];
      const enqueueInOracle = (sent: OutboxMessage, number: number) => {
        const fresh = oracle.filter(isFresh);
        droppedByAge += oracle.length - fresh.length;
        oracle = fresh;
        if (sizeOf(sent) > limits.maxBytes) {
          droppedByBytes += 1;
          return;
        }
        if (sent.replaceKey !== null) oracle = oracle.filter(({ replaceKey }) => replaceKey !== sent.replaceKey);
        oracle.push({ ...sent, number });
        while (oracle.reduce((sum, waiting) => sum + sizeOf(waiting), 0) > limits.maxBytes) {
          const low = oracle.findIndex(({ priority }) => priority === 'low');
          oracle.splice(Math.max(low, 0), 1);
          droppedByBytes += 1;
        }
      };
      for (const [number, { kind, size, priority, key }] of steps.entries()) {
        const payload = Buffer.alloc(size * 3, `${number} `);
        const sent = message({ topic: 't', payload, priority, replaceKey: key, timeMs: clock.nowMs });
        if (kind === 'wait') clock.pass(size * 20);
        if (kind === 'enqueue') {
          outbox.enqueue(sent);
          enqueueInOracle(sent, number);
        }
        if (kind === 'acknowledge') {
          const first = outbox.pending(1)[0];
          if (first !== undefined) outbox.acknowledge(first.id);
          oracle = oracle.toSpliced(oracle.findIndex(isFresh), first === undefined ? 0 : 1);
        }
        if (kind === 'undo') {
          const abandoned = () =>
            database.transaction(() => {
              outbox.enqueue(sent);
              throw new Error('undone');
            });
          expect(abandoned).toThrow('undone');
        }
        const visible = oracle.filter(isFresh);
        expect(texts(outbox.pending(1000))).toEqual(texts(visible));
        expect(outbox.counters).toEqual({
          waiting: oracle.length,
          waitingBytes: oracle.reduce((sum, waiting) => sum + sizeOf(waiting), 0),
          droppedByBytes,
          droppedByAge,
        });
      }
    }),
    { numRuns: 150 },
  );
});
