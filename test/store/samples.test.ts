import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { Answer } from '../../agent/types.ts';
import { addTo, backbone, clockAt, sample, storeIn, temporaryDirectory, temporaryStore } from './fixtures.ts';

const bytesOf = (length: number, value = 7) => new Uint8Array(length).fill(value);

describe('samples', () => {
  test('come back as they went in, also after a restart', () => {
    const directory = temporaryDirectory();
    const store = storeIn(directory);
    const features = Float32Array.from({ length: 33 }, (_, index) => Math.fround(Math.sin(index) * 1e-3));
    const id = addTo(store, { features, raw: bytesOf(100), thumbnail: bytesOf(10, 3), origin: 'a.jpg', hash: 0xffff_0000_ffff_0001n });
    store.close();
    const again = storeIn(directory);
    expect(again.samples.get(id)).toEqual({
      id,
      source: 'door',
      timeMs: Date.UTC(2026, 10, 1),
      release: 'base',
      answer: {
        kind: 'classes',
        scores: [
          { label: 'cat', confidence: 0.75 },
          { label: 'dog', confidence: 0.25 },
        ],
      },
      label: null,
      origin: 'a.jpg',
      bytes: 512 + 33 * 4 + 110,
      hasRaw: true,
    });
    expect(again.samples.raw(id)).toEqual(bytesOf(100));
    expect(again.samples.thumbnail(id)).toEqual(bytesOf(10, 3));
    expect([...again.features.unlabelled(backbone, 10)].map((row) => row.features)).toEqual([features]);
  });

  test('keep what was said of them, whatever the kind; classes as they always stood in a row', () => {
    const directory = temporaryDirectory();
    const store = storeIn(directory);
    const answers: readonly Answer[] = [
      { kind: 'classes', scores: [{ label: 'cat', confidence: 0.75 }] },
      { kind: 'quantities', values: [{ name: 'weight', unit: 'kg', value: 1.25 }] },
      { kind: 'distance', distance: 1.75, threshold: 1.5 },
    ];
    const ids = answers.map((answer) => addTo(store, { answer }));
    store.close();
    const file = new DatabaseSync(join(directory, 'store.db'));
    expect(file.prepare('SELECT scores FROM samples ORDER BY id').get()).toEqual({ scores: '[["cat",0.75]]' });
    file.close();
    const again = storeIn(directory);
    expect(ids.map((id) => again.samples.get(id)?.answer)).toEqual(answers);
  });

  test('have ids that are unique and sorted, also where the clock stands or goes back', () => {
    const clock = clockAt();
    const store = temporaryStore({ clock });
    const ids = Array.from({ length: 300 }, (_, index) => {
      if (index === 100) clock.nowMs -= 86_400_000;
      if (index === 200) clock.nowMs = 0;
      return addTo(store);
    });
    expect(new Set(ids).size).toBe(300);
    expect([...ids].sort()).toEqual(ids);
    expect(store.samples.list(3).map(({ id }) => id)).toEqual(ids.slice(-3).reverse());
    expect(store.samples.list(3, ids[200]).map(({ id }) => id)).toEqual(ids.slice(197, 200).reverse());
  });

  test('unlabelled ones leave by count, oldest first, and labelled ones stay', () => {
    const store = temporaryStore({ samples: { maxUnlabelled: 10, maxBytes: 1e8, maxRawBytes: 1e8 } });
    const first = addTo(store);
    store.labels.set([first], 'cat', 'cli', 1);
    const ids = Array.from({ length: 15 }, () => addTo(store));
    expect(ids.filter((id) => store.samples.get(id) !== null)).toEqual(ids.slice(5));
    expect(store.samples.get(first)?.label).toBe('cat');
    expect(store.samples.counters).toEqual({ evicted: 5, full: 0 });
    // Without its label it is the oldest again, and the next to go.
    store.labels.set([first], null, 'cli', 2);
    addTo(store);
    expect(store.samples.get(first)).toBeNull();
  });

  test('unlabelled ones leave by bytes; labelled ones alone fill the store and say so', () => {
    const one = 512 + 16 + 1000;
    const store = temporaryStore({ samples: { maxUnlabelled: 100, maxBytes: 5 * one, maxRawBytes: 1e8 } });
    const unlabelled = Array.from({ length: 5 }, () => addTo(store, { raw: bytesOf(1000) }));
    for (let index = 0; index < 5; index += 1) addTo(store, { raw: bytesOf(1000), label: 'cat' });
    expect(unlabelled.filter((id) => store.samples.get(id) !== null)).toEqual([]);
    expect(store.labels.counts()).toMatchObject({ total: 5, labelled: 5, bytes: 5 * one });
    const refused = store.samples.add(sample({ label: 'dog' }));
    expect(refused.kind === 'full' && refused.reason).toMatch(/5 labelled samples take 7640 of 7640 bytes/);
    expect(store.samples.add(sample()).kind).toBe('full');
    expect(store.samples.counters).toEqual({ evicted: 5, full: 2 });
    expect(store.labels.counts().labelled).toBe(5);
  });

  test('labelled ones lose their raw bytes beyond the limit, oldest first, counted, and nothing else', () => {
    const directory = temporaryDirectory();
    const limits = { maxUnlabelled: 100, maxBytes: 1e8, maxRawBytes: 3000 };
    const store = storeIn(directory, { samples: limits });
    const labelled = Array.from({ length: 3 }, () => addTo(store, { raw: bytesOf(1000), thumbnail: bytesOf(5), label: 'cat' }));
    const later = addTo(store, { raw: bytesOf(1000) });
    store.labels.set([later], 'dog', 'mqtt', 1);
    expect([...labelled, later].map((id) => store.samples.raw(id)?.byteLength ?? null)).toEqual([null, 1000, 1000, 1000]);
    expect(store.samples.thumbnail(labelled[0]!)).toEqual(bytesOf(5));
    expect(store.samples.get(labelled[0]!)).toMatchObject({ label: 'cat', hasRaw: false });
    expect([...store.features.labelled(backbone)]).toHaveLength(4);
    expect(store.sizes().rawDropped).toBe(1);
    store.close();
    expect(storeIn(directory, { samples: limits }).sizes().rawDropped).toBe(1);
  });

  test('of another backbone are embedded again from their raw bytes, labelled ones first', () => {
    const store = temporaryStore();
    const other = 'cd'.repeat(32);
    const unlabelled = addTo(store, { raw: bytesOf(10) });
    const labelled = addTo(store, { raw: bytesOf(10), label: 'cat' });
    addTo(store, { label: 'dog' });
    addTo(store, { backbone: other, raw: bytesOf(10) });
    expect(store.samples.toReembed(other)).toEqual([labelled, unlabelled]);
    const features = Float32Array.of(9, 8, 7, 6, 5, 4);
    const by = {
      backbone: other,
      features,
      answer: { kind: 'classes' as const, scores: [{ label: 'x', confidence: 1 }] },
      release: 'r',
      hash: 1n,
    };
    expect(store.samples.reembed(labelled, by)).toBe(true);
    expect(store.samples.reembed('00000000000', by)).toBe(false);
    expect(store.samples.toReembed(other)).toEqual([unlabelled]);
    expect([...store.features.labelled(other)]).toMatchObject([{ id: labelled, label: 'cat', features }]);
    const { bytes } = store.labels.counts();
    expect(bytes).toBe(store.samples.list(10).reduce((sum, { bytes }) => sum + bytes, 0));
  });

  test('remember where they came from after they are gone, within a bound', () => {
    const store = temporaryStore({ samples: { maxUnlabelled: 1, maxBytes: 1e8, maxRawBytes: 0 }, maxOrigins: 10 });
    addTo(store, { origin: 'first' });
    addTo(store, { origin: 'second' });
    store.origins.remember('unreadable');
    expect(['first', 'second', 'unreadable', 'third'].map((origin) => store.origins.seen(origin))).toEqual([true, true, true, false]);
    for (let index = 0; index < 10; index += 1) store.origins.remember(`later ${index}`);
    expect(store.origins.seen('first')).toBe(false);
    expect(store.origins.seen('later 9')).toBe(true);
  });

  test('ids that are none are simply not there', () => {
    const store = temporaryStore();
    for (const id of ['', 'nonsense', '0', 'ZZZZZZZZZZZ', '0'.repeat(64), "'; DROP TABLE samples; --"]) {
      expect(store.samples.get(id)).toBeNull();
      expect(store.samples.raw(id)).toBeNull();
    }
  });
});
