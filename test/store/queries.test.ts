import { expect, test } from 'vitest';
import { addTo, storeIn, temporaryDirectory, temporaryStore } from './fixtures.ts';

const hourMs = 3_600_000;

test('a question is asked once, listed newest first, and answered by the label', () => {
  const store = temporaryStore();
  const [a, b, c] = [addTo(store), addTo(store), addTo(store, { label: 'cat' })];
  expect([store.queries.ask(a, 1000), store.queries.ask(b, 2000)]).toEqual([true, true]);
  expect([store.queries.ask(a, 3000), store.queries.ask(c, 3000), store.queries.ask('missing', 3000)]).toEqual([false, false, false]);
  expect(store.queries.open(10).map(({ sample }) => sample)).toEqual([b, a]);
  expect(store.queries.open(1)[0]).toMatchObject({
    sample: b,
    source: 'door',
    answer: { kind: 'classes', scores: [{ label: 'cat' }, { label: 'dog' }] },
    askedMs: 2000,
  });
  store.labels.set([b], 'dog', 'mqtt', 4000);
  expect(store.queries.open(10).map(({ sample }) => sample)).toEqual([a]);
  expect(store.queries.countOpen()).toBe(1);
});

test('the hourly budget survives a restart and the eviction of the sample', () => {
  const directory = temporaryDirectory();
  const samples = { maxUnlabelled: 1, maxBytes: 1e8, maxRawBytes: 0 };
  const store = storeIn(directory, { samples });
  for (const nowMs of [hourMs, hourMs + 1]) store.queries.ask(addTo(store), nowMs);
  store.close();
  const again = storeIn(directory, { samples });
  expect(again.queries.open(10)).toHaveLength(1);
  expect(again.queries.mayAsk(hourMs + 2, 2)).toBe(false);
  expect(again.queries.mayAsk(hourMs + 2, 3)).toBe(true);
  expect(again.queries.mayAsk(2 * hourMs + 1, 2)).toBe(true);
  // Asked by a clock that was ahead: does not count against the budget for ever.
  expect(again.queries.mayAsk(10, 1)).toBe(true);
});
