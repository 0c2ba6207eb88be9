import { describe, expect, test } from 'vitest';
import { addTo, backbone, sample, temporaryStore } from './fixtures.ts';

const other = 'cd'.repeat(32);
const raw = Uint8Array.of(1, 2, 3);
const view = (first: number) => Float32Array.of(first, 0, 0, 0);
const viewsOf = (store: ReturnType<typeof temporaryStore>, of = backbone) =>
  [...store.features.views(of)].map(({ id, views }) => [id, views.map(([first]) => first)]);

describe('views', () => {
  test('are wanted of labelled samples with raw bytes, once, oldest first', () => {
    const store = temporaryStore();
    const [first, second] = ['cat', 'dog'].map((label) => addTo(store, { raw, label }));
    addTo(store, { label: 'cat' });
    const unlabelled = addTo(store, { raw });
    expect(store.views.missing(backbone, 9)).toEqual([first, second]);
    expect(store.views.missing(backbone, 1)).toEqual([first]);
    expect(store.views.missing(other, 9)).toEqual([]);
    expect(store.views.set(first!, backbone, [view(1), view(2)])).toBe(true);
    // A capture that allows no view is not asked for again.
    expect(store.views.set(second!, backbone, [])).toBe(true);
    expect(store.views.missing(backbone, 9)).toEqual([]);
    expect(viewsOf(store)).toEqual([
      [first, [1, 2]],
      [second, []],
    ]);
    expect(store.views.set(unlabelled, backbone, [view(1)])).toBe(false);
    expect(store.views.set('nobody', backbone, [view(1)])).toBe(false);
    expect(store.views.set(first!, backbone, [Float32Array.of(1)])).toBe(false);
  });

  test.each(['the label', 'the backbone', 'the sample'] as const)('go with %s, and their bytes with them', (what) => {
    const store = temporaryStore();
    const id = addTo(store, { raw, label: 'cat' });
    const before = store.sizes().sampleBytes;
    store.views.set(id, backbone, [view(1), view(2)]);
    store.views.set(id, backbone, [view(3)]);
    expect(store.sizes().sampleBytes).toBe(before + 16);
    expect(store.samples.get(id)?.bytes).toBe(before + 16);
    if (what === 'the label') store.labels.set([id], null, 'cli', 1);
    if (what === 'the backbone') {
      const { features, answer, release, hash } = sample();
      store.samples.reembed(id, { backbone: other, features, answer, release, hash });
    }
    if (what === 'the sample') store.forget({ samples: [id] });
    expect(store.sizes().sampleBytes).toBe(what === 'the sample' ? 0 : before);
    store.labels.set([id], 'cat', 'cli', 2);
    expect([...viewsOf(store), ...viewsOf(store, other)]).toEqual([]);
  });

  test('stay where another label is given, and of many samples all are read', () => {
    const store = temporaryStore();
    const ids = Array.from({ length: 150 }, () => addTo(store, { raw, label: 'cat' }));
    for (const [index, id] of ids.entries()) store.views.set(id, backbone, [view(index)]);
    store.labels.set(ids, 'dog', 'cli', 1);
    expect(viewsOf(store)).toEqual(ids.map((id, index) => [id, [index]]));
  });

  test('push out unlabelled samples, and are refused where labelled ones leave no room', () => {
    const store = temporaryStore({ samples: { maxUnlabelled: 1000, maxBytes: 3000, maxRawBytes: 3000 } });
    const id = addTo(store, { raw, label: 'cat' });
    for (let index = 0; index < 4; index += 1) addTo(store, { raw });
    const many = (count: number) => Array.from({ length: count }, (_, index) => view(index));
    expect(store.views.set(id, backbone, many(60))).toBe(true);
    expect(store.labels.counts().total).toBeLessThan(5);
    expect(store.sizes().sampleBytes).toBeLessThanOrEqual(3000);
    expect(store.views.set(id, backbone, many(200))).toBe(false);
    expect(viewsOf(store)).toEqual([]);
  });
});
