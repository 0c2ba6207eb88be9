import { expect, test } from 'vitest';
import { addTo, backbone, temporaryStore } from './fixtures.ts';

test('labels are given, changed and taken back, with their history', () => {
  const store = temporaryStore();
  const [a, b] = [addTo(store), addTo(store, { label: 'cat' })];
  expect(store.labels.set([a, 'missing', b], 'dog', 'mqtt', 10)).toEqual({ labelled: 2, unknown: ['missing'] });
  store.labels.set([b], null, 'dashboard', 20);
  expect(store.labels.history(b)).toEqual([
    { label: 'cat', by: 'folder', atMs: Date.UTC(2026, 10, 1) },
    { label: 'dog', by: 'mqtt', atMs: 10 },
    { label: null, by: 'dashboard', atMs: 20 },
  ]);
  expect(store.samples.get(a)?.label).toBe('dog');
  expect(store.samples.get(b)?.label).toBeNull();
  expect(store.labels.counts()).toMatchObject({ total: 2, labelled: 1, byClass: { dog: 1 } });
});

test('new labels are counted since a run began, once a sample, and not where they were taken back', () => {
  const store = temporaryStore();
  const ids = Array.from({ length: 5 }, () => addTo(store));
  store.labels.set(ids.slice(0, 2), 'cat', 'cli', 100);
  expect(store.labels.newSince({ run: null })).toBe(2);
  store.runs.begin('r1', 'test', 150);
  expect(store.labels.newSince({ run: 'r1' })).toBe(0);
  store.labels.set([ids[1]!, ids[2]!, ids[3]!], 'dog', 'cli', 200);
  store.labels.set([ids[2]!], 'cat', 'cli', 201);
  store.labels.set([ids[3]!], null, 'cli', 202);
  expect(store.labels.newSince({ run: 'r1' })).toBe(2);
  expect(store.labels.newSince({ timeMs: 200 })).toBe(2);
  expect(store.labels.newSince({ run: 'no such run' })).toBe(3);
});

test('labelled features come in the order of arrival, whatever the order of labelling, across batches', () => {
  const store = temporaryStore();
  const ids = Array.from({ length: 150 }, (_, index) => addTo(store, { features: Float32Array.of(index, -index) }));
  for (const id of [...ids].reverse()) store.labels.set([id], 'cat', 'cli', 1);
  const rows = [...store.features.labelled(backbone)];
  expect(rows.map(({ id }) => id)).toEqual(ids);
  expect(rows.map(({ features }) => features[0])).toEqual(ids.map((_, index) => index));
  expect([...store.features.labelled('00'.repeat(32))]).toEqual([]);
});

test('unlabelled features are the newest, oldest of them first', () => {
  const store = temporaryStore();
  const ids = Array.from({ length: 100 }, () => addTo(store));
  store.labels.set([ids[98]!], 'cat', 'cli', 1);
  expect([...store.features.unlabelled(backbone, 3)].map(({ id }) => id)).toEqual([ids[96], ids[97], ids[99]]);
  expect([...store.features.unlabelled(backbone, 1000)]).toHaveLength(99);
});
