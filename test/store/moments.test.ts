// Moments over a device's life: what is one observation, and what was set aside for judging.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../agent/store/database.ts';
import type { MomentRules } from '../../agent/store/moments.ts';
import { idOfRow } from '../../agent/store/sample-id.ts';
import { migrations } from '../../agent/store/schema.ts';
import type { Store } from '../../agent/store/store.ts';
import { backbone, sample, storeIn, temporaryDirectory, temporaryStore } from './fixtures.ts';

const rules: MomentRules = { burstMs: () => 2000, separate: ['inbox'], distance: 4 };
const start = Date.UTC(2026, 10, 1);
/** Hashes that have nothing to do with each other. */
const hashOf = (number: number) => BigInt.asUintN(64, BigInt(number + 1) * 0x9e3779b97f4a7c15n);

interface Shown {
  readonly atMs: number;
  readonly label?: string;
  readonly hash?: bigint;
  readonly source?: string;
  readonly features?: Float32Array;
  readonly said?: string;
}

function add(store: Store, { atMs, label = 'cat', hash = 0n, source = 'door', features = Float32Array.of(1, 0), said }: Shown): string {
  const added = store.samples.add(sample({ source, timeMs: start + atMs, label, hash, features, moment: said }));
  if (added.kind !== 'added') throw new Error(added.reason);
  return added.id;
}

const rowsOf = (store: Store) => new Map([...store.features.labelled(backbone)].map((row) => [row.id, row]));
const momentsOf = (store: Store, ids: readonly string[]) => ids.map((id) => rowsOf(store).get(id)!.moment);
const heldOf = (store: Store) => [...rowsOf(store).values()].filter(({ judges }) => judges).map(({ id }) => id);

describe('a moment', () => {
  it('is a burst, and a scene however often it is seen: a camera that shows 24 pictures in a loop has 24', () => {
    const store = temporaryStore();
    const ids = Array.from({ length: 72 }, (_, at) =>
      add(store, { atMs: at * 3000, hash: hashOf(at % 24) ^ BigInt(1 << (at % 3)), label: at % 2 ? 'a' : 'b' }),
    );
    const burst = [0, 800, 1600].map((ms) => add(store, { atMs: 900_000 + ms, hash: hashOf(100 + ms) }));
    store.moments.assign(rules);
    expect(new Set(momentsOf(store, ids)).size).toBe(24);
    expect(new Set(momentsOf(store, burst)).size).toBe(1);
  });

  it('is another one where the label and the features are, though the scene looks the same; and in another source', () => {
    const store = temporaryStore();
    const features = Float32Array.of(0.2, 1);
    const ids = [{}, { hash: 3n }, { hash: 3n, label: 'dog', features }, { hash: 3n, label: 'dog' }, { source: 'inbox' }].map((more, at) =>
      add(store, { atMs: at * 60_000, ...more }),
    );
    store.moments.assign(rules);
    const [first, again, dog, same, inbox] = momentsOf(store, ids);
    expect([again, same]).toEqual([first, first]);
    expect(new Set([first, dog, inbox]).size).toBe(3);
  });

  it('is one, too, where hashes are further apart and the features are near, and under another label where nothing is new', () => {
    const store = temporaryStore();
    const turned = (degrees: number) => Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));
    const shown: readonly Partial<Shown>[] = [
      {},
      { hash: 0xffn, features: turned(7) },
      { hash: 0x1ffn, features: turned(7) },
      { hash: 0xff00n, features: turned(10) },
      { hash: 3n, label: 'dog', features: turned(3) },
      { hash: 0xcn, label: 'dog', features: turned(6) },
    ];
    const ids = shown.map((more, at) => add(store, { atMs: at * 60_000, ...more }));
    store.moments.assign(rules);
    const moments = momentsOf(store, ids);
    expect(moments.map((moment) => moment === moments[0])).toEqual([true, true, false, false, true, false]);
  });

  it('of a chain of windows ends with its label, and files and utterances are apart whatever their times are', () => {
    const store = temporaryStore();
    const chain = Array.from({ length: 12 }, (_, at) => add(store, { atMs: at * 2000, hash: hashOf(at), label: at < 6 ? 'walk' : 'run' }));
    const files = [1, 2, 3].map((number) => add(store, { atMs: 0, source: 'inbox', hash: hashOf(number) }));
    store.moments.assign(rules);
    expect(new Set(momentsOf(store, chain)).size).toBe(2);
    expect(new Set(momentsOf(store, files)).size).toBe(3);
  });
});

describe('what a source says', () => {
  it('is one moment whatever the clock was and however different it looks, and another under another label or of another source', () => {
    const store = temporaryStore();
    const shown: readonly Partial<Shown>[] = [
      { said: 'a-1' },
      { said: 'a-1', atMs: -50 * 365 * 86_400_000 },
      { said: 'a-2' },
      { said: 'a-1', label: 'dog' },
      { said: 'a-1', source: 'inbox' },
      { said: 'a-1', source: 'inbox' },
    ];
    const ids = shown.map((more, at) => add(store, { atMs: at * 60_000, hash: hashOf(at), ...more }));
    store.moments.assign(rules);
    // Later, in another training.
    const late = add(store, { atMs: 9e9, hash: hashOf(90), said: 'a-2' });
    store.moments.assign(rules);
    const [first, ...others] = momentsOf(store, [...ids, late]);
    const [again, second, dog, file, piece, later] = others;
    expect([again, piece, later]).toEqual([first, file, second]);
    expect(new Set([first, second, dog, file]).size).toBe(4);
  });

  it('is not known of samples of before: they go by the time between them, as they did', () => {
    const directory = temporaryDirectory();
    const { database } = openDatabase(join(directory, 'store.db'), migrations.slice(0, 5));
    database.run('INSERT INTO backbones VALUES (1, ?)', backbone);
    for (const [at, ms] of [0, 500, 90_000].entries()) {
      const hash = new Uint8Array(8).fill(37 * at);
      database.run("INSERT INTO samples VALUES (?, 'door', ?, 1, 'base', ?, 1, 0, NULL, '[]', NULL, NULL)", at + 1, start + ms, hash);
      database.run('INSERT INTO features VALUES (?, ?)', at + 1, new Uint8Array(8));
    }
    database.close();
    const store = storeIn(directory);
    const old = [1, 2, 3].map(idOfRow);
    store.labels.set(old, 'cat', 'cli', start);
    const late = add(store, { atMs: 90_400, hash: hashOf(1), said: 'a-1' });
    store.moments.assign(rules);
    const [one, two, three, four] = momentsOf(store, [...old, late]);
    expect([two, four]).toEqual([one, three]);
    expect(three).not.toBe(one);
  });

  it('joins with likeness over all time, and with the time between the frames of one label', () => {
    const store = temporaryStore();
    const ids = [
      { atMs: 0, hash: hashOf(1), said: 'a-1' },
      { atMs: 9e8, hash: hashOf(1), said: 'b-7' },
      { atMs: 9.001e8, hash: hashOf(2), said: 'b-7' },
      { atMs: 9.00101e8, hash: hashOf(3), said: 'b-8' },
      { atMs: 9.5e8, hash: hashOf(4), said: 'b-9' },
    ].map((shown) => add(store, shown));
    store.moments.assign(rules);
    const moments = momentsOf(store, ids);
    expect(moments.map((moment) => moment === moments[0])).toEqual([true, true, true, true, false]);
  });
});

describe('what is set aside for judging', () => {
  const many = (store: Store, label: string, count: number, from: number) =>
    Array.from({ length: count }, (_, at) => add(store, { atMs: (from + at) * 60_000, label, hash: hashOf(from + at) }));

  it('begins with twenty moments of a class, and stays when classes, captures and earlier frames are added', () => {
    const store = temporaryStore();
    many(store, 'cat', 60, 0);
    many(store, 'dog', 19, 100);
    store.moments.assign(rules);
    const held = heldOf(store);
    expect(held.length).toBeGreaterThan(4);
    expect(held.length).toBeLessThan(22);
    expect(held.every((id) => rowsOf(store).get(id)!.label === 'cat')).toBe(true);
    many(store, 'bird', 5, 200);
    const earlier = Array.from({ length: 60 }, (_, at) => add(store, { atMs: at * 60_000 - 500, hash: hashOf(500 + at) }));
    many(store, 'dog', 30, 300);
    store.moments.assign(rules);
    const now = new Set(heldOf(store));
    expect(held.every((id) => now.has(id))).toBe(true);
    // An earlier frame of a moment goes where its moment stands, and only there.
    const of = (id: string) => rowsOf(store).get(id)!;
    const moments = new Set(held.map((id) => of(id).moment));
    expect(earlier.filter((id) => of(id).judges).length).toBe(earlier.filter((id) => moments.has(of(id).moment)).length);
    expect([...now].some((id) => of(id).label === 'dog')).toBe(true);
  });

  it('is known by every sample of its moment, and forgets with them', () => {
    const store = temporaryStore();
    const [a, b, other] = [
      add(store, { atMs: 0, hash: 1n }),
      add(store, { atMs: 500, hash: 2n }),
      add(store, { atMs: 9_000, hash: hashOf(5) }),
    ];
    store.moments.assign(rules);
    expect([...store.moments.companions([a])].sort()).toEqual([a, b].sort());
    store.forget({ samples: [a] });
    const again = add(store, { atMs: 60_000, hash: 2n });
    store.moments.assign(rules);
    expect(momentsOf(store, [again])).toEqual(momentsOf(store, [b]));
    store.forget({ samples: [b, again] });
    expect(momentsOf(store, [other])).not.toContain(null);
    store.forget({ all: true });
    expect(store.moments.companions([other])).toEqual([other]);
  });
});
