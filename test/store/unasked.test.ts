// Samples that nobody asked about: written together, their raw bytes as far as the allowance goes, and all of them as if they were there.
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openStoreReader } from '../../agent/store/store.ts';
import { createUnasked, type UnaskedLimits } from '../../agent/store/unasked.ts';
import { addTo, backbone, clockAt, megabyte, sample, storeIn, type TestClock, temporaryDirectory } from './fixtures.ts';

const limits: UnaskedLimits = { maxWaiting: 4, maxWaitMs: 10_000, memoryBytes: 1000, writtenBytesPerDay: 0 };
const rawOf = (value: number, length = 100) => new Uint8Array(length).fill(value);

function places(change: Partial<UnaskedLimits> = {}) {
  const directory = temporaryDirectory();
  const clock = clockAt();
  const open = () => storeIn(directory, { clock, unasked: { ...limits, ...change } });
  /** What stands in the file, as another process sees it. */
  const inFile = () => {
    const reader = openStoreReader(join(directory, 'store.db'));
    const found = [...reader.features.unlabelled(backbone, 100)].length;
    reader.close();
    return found;
  };
  return { clock, open, inFile };
}

test('wait for one another, and are found like all others', () => {
  const { open, inFile } = places();
  const store = open();
  const ids = Array.from({ length: 3 }, (_, at) => addTo(store, { raw: rawOf(at) }));
  expect(inFile()).toBe(0);
  expect([...ids].sort()).toEqual(ids);
  expect(store.samples.list(10).map(({ id }) => id)).toEqual(ids.toReversed());
  expect(inFile()).toBe(3);
  expect(store.samples.get(ids[1]!)).toMatchObject({ hasRaw: true, label: null });
});

test.each<readonly [string, (clock: TestClock) => void, number]>([
  ['many', () => {}, 4],
  ['old', (clock) => clock.pass(10_000), 1],
])('are written when they are %s', (_why, wait, count) => {
  const { clock, open, inFile } = places();
  const store = open();
  for (let at = 0; at < count; at += 1) addTo(store);
  wait(clock);
  expect(inFile()).toBe(0);
  addTo(store);
  expect(inFile()).toBe(count);
});

test('are written when the store closes, and before whatever a file or a person says', () => {
  const { open, inFile } = places();
  const store = open();
  const first = addTo(store);
  const labelled = addTo(store, { label: 'cat', origin: 'a.jpg' });
  expect(first < labelled).toBe(true);
  expect(inFile()).toBe(1);
  const last = addTo(store);
  store.close();
  expect(open().samples.get(last)?.id).toBe(last);
});

test('the budget of questions is looked at without writing them', () => {
  const { open, inFile } = places();
  const store = open();
  addTo(store);
  expect(store.queries.mayAsk(Date.UTC(2026, 10, 1), 4)).toBe(true);
  expect(inFile()).toBe(0);
});

test('beyond the allowance raw bytes are in memory only, until somebody asks or says what they show', () => {
  const { open } = places();
  const store = open();
  const [plain, asked, labelled] = [1, 2, 3].map((value) => addTo(store, { raw: rawOf(value) })) as [string, string, string];
  expect(store.queries.ask(asked, 1)).toBe(true);
  store.labels.set([labelled], 'cat', 'cli', 1);
  for (const [id, value] of [
    [plain, 1],
    [asked, 2],
    [labelled, 3],
  ] as const)
    expect(store.samples.raw(id)).toEqual(rawOf(value));
  const counts = store.labels.counts();
  expect(counts).toMatchObject({ total: 3, labelled: 1, bytes: 3 * (512 + 16) + 200 });
  store.close();
  const again = open();
  expect(again.samples.raw(plain)).toBeNull();
  expect(again.samples.get(plain)?.hasRaw).toBe(false);
  expect(again.samples.raw(asked)).toEqual(rawOf(2));
  expect(again.samples.raw(labelled)).toEqual(rawOf(3));
  expect(again.labels.counts()).toEqual(counts);
});

test('a transaction that fails leaves the raw bytes where they were', () => {
  const { open } = places();
  const store = open();
  const id = addTo(store, { raw: rawOf(5) });
  expect(() =>
    store.transaction(() => {
      store.queries.ask(id, 1);
      throw new Error('told nobody');
    }),
  ).toThrow('told nobody');
  expect(store.samples.raw(id)).toEqual(rawOf(5));
  expect(store.queries.ask(id, 1)).toBe(true);
  store.close();
  expect(open().samples.raw(id)).toEqual(rawOf(5));
});

test('what was forgotten is not in memory either', () => {
  const { open } = places();
  const store = open();
  const [gone, stays] = [addTo(store, { raw: rawOf(1) }), addTo(store, { raw: rawOf(2) })];
  expect(store.forget({ samples: [gone] }).ids).toEqual([gone]);
  expect(store.samples.raw(gone)).toBeNull();
  expect(store.samples.raw(stays)).toEqual(rawOf(2));
});

test('a full disk hides nothing that is there, and the next capture says so', () => {
  const { open } = places();
  const filled = open();
  const kept = addTo(filled, { origin: 'a' });
  filled.close();
  const directory = temporaryDirectory();
  const store = storeIn(directory, {
    unasked: limits,
    samples: { maxUnlabelled: 1000, maxBytes: 100 * megabyte, maxRawBytes: megabyte },
    database: { maxFileBytes: 300_000 },
  });
  const first = addTo(store, { origin: 'b' });
  for (let at = 0; at < 4; at += 1) addTo(store, { features: new Float32Array(50_000) });
  expect(store.samples.list(10).map(({ id }) => id)).toEqual([first]);
  expect(() => store.samples.add(sample())).toThrow(expect.objectContaining({ code: 'disk-full' }));
  expect(kept).not.toBe(first);
});

test('memory is bounded, and the oldest go', () => {
  const clock = clockAt();
  const unasked = createUnasked({ ...limits, maxWaiting: 1000 }, clock);
  for (let row = 1; row <= 50; row += 1) unasked.add({ row, sample: sample({ raw: rawOf(row) }) });
  expect(unasked.raw(40)).toBeNull();
  expect(unasked.raw(41)).toEqual(rawOf(41));
  expect(unasked.raw(50)).toEqual(rawOf(50));
});

test('an allowance comes back with time, and is not saved up without end', () => {
  const clock = clockAt();
  const unasked = createUnasked({ ...limits, maxWaiting: 1000, writtenBytesPerDay: 8000 }, clock);
  onTestFinished(() => unasked.written());
  let row = 0;
  const written = (count: number) => {
    unasked.written();
    for (let at = 0; at < count; at += 1) unasked.add({ row: ++row, sample: sample({ raw: rawOf(1) }) });
    return unasked.waiting().filter((waiting) => waiting.sample.raw !== undefined).length;
  };
  expect(written(30)).toBe(10);
  expect(written(30)).toBe(0);
  clock.pass(86_400_000 / 8);
  expect(written(30)).toBe(10);
  clock.pass(30 * 86_400_000);
  expect(written(30)).toBe(10);
});
