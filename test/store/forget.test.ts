import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStoreReader } from '../../agent/store/store.ts';
import { addTo, backbone, sample, storeIn, temporaryDirectory, temporaryStore } from './fixtures.ts';

const text = (value: string) => Buffer.from(value);

/** Which of the markers stand anywhere in any file of the directory. */
function found(directory: string, markers: readonly string[]): readonly string[] {
  const files = readdirSync(directory).map((name) => readFileSync(join(directory, name)));
  return markers.filter((marker) => files.some((bytes) => bytes.includes(marker)));
}

describe('forget', () => {
  test('leaves no byte in database, log or free pages', () => {
    const directory = temporaryDirectory();
    const store = storeIn(directory);
    const markers = [
      'SECRET-RAW',
      'SECRET-THUMB',
      'SECRET-FEAT',
      'SECRET-LABEL',
      'SECRET-ORIGIN',
      'SECRET-SCORE',
      'SECRET-QUERY',
      'SECRET-VIEW',
    ];
    const ids: string[] = [];
    for (let index = 0; index < 120; index += 1) {
      const secret = index % 3 === 0;
      const word = (name: string) => (secret ? `SECRET-${name}` : `public-${name}`).padEnd(12, '.');
      const id = addTo(store, {
        source: secret ? 'bedroom' : 'door',
        raw: text(word('RAW').repeat(200 + index * 7)),
        thumbnail: text(word('THUMB').repeat(20 + index)),
        features: new Float32Array(new Uint8Array(text(word('FEAT').repeat(30 + index))).buffer),
        origin: word('ORIGIN').repeat(1 + (index % 9)),
        answer: { kind: 'classes', scores: [{ label: word('SCORE'), confidence: 0.5 }] },
      });
      ids.push(id);
      if (index % 2 === 0) store.labels.set([id], word('LABEL'), 'cli', 1);
      const payload = text(JSON.stringify({ sample: id, thumbnail: word('QUERY') }));
      store.outbox.enqueue({ topic: 'query', payload, retain: false, timeMs: 1, replaceKey: null, priority: 'low' });
    }
    for (const [index, id] of ids.slice(0, 60).entries()) {
      if (index % 2 === 1) continue;
      const word = (index % 3 === 0 ? 'SECRET-VIEW' : 'public-VIEW').padEnd(12, '.');
      const views = [0, 1].map(() => new Float32Array(new Uint8Array(text(word.repeat(30 + index))).buffer));
      expect(store.views.set(id, backbone, views)).toBe(true);
    }
    // Some are evicted and rewritten before, so that free pages and old cells are in play.
    store.labels.set(ids.slice(0, 60), 'changed', 'cli', 2);
    expect(found(directory, markers)).toEqual(markers);
    const forgotten = store.forget({ source: 'bedroom' });
    expect(forgotten).toEqual({ ids: ids.filter((_, index) => index % 3 === 0), runs: [], erased: true });
    expect(found(directory, markers)).toEqual([]);
    expect(found(directory, ['public-RAW'])).toEqual(['public-RAW']);
    expect(store.outbox.counters.waiting).toBe(80);
    expect(store.labels.counts()).toMatchObject({ total: 80 });
    expect([...store.features.labelled(backbone)].length + [...store.features.unlabelled(backbone, 1000)].length).toBe(80);
  });

  test.each([
    ['ids', { samples: ['#0', '#3', 'unknown'] }, [0, 3]],
    ['a label', { label: 'cat' }, [0, 1]],
    ['a source', { source: 'garden' }, [3]],
    ['a time before', { beforeMs: 20 }, [0, 1]],
    ['a time after', { afterMs: 20 }, [3]],
    ['conditions that all must hold', { label: 'cat', afterMs: 5 }, [1]],
    ['everything', { all: true }, [0, 1, 2, 3]],
    ['nothing that is there', { label: 'bird' }, []],
  ])('selects by %s', (_, selector, gone) => {
    const store = temporaryStore();
    const ids = [
      addTo(store, { timeMs: 0, label: 'cat' }),
      addTo(store, { timeMs: 10, label: 'cat' }),
      addTo(store, { timeMs: 20, label: 'dog' }),
      addTo(store, { timeMs: 30, source: 'garden' }),
    ];
    const samples = 'samples' in selector ? selector.samples?.map((name) => (name[0] === '#' ? ids[Number(name[1])]! : name)) : undefined;
    expect(store.forget({ ...selector, ...(samples && { samples }) }).ids).toEqual(gone.map((index) => ids[index]));
    expect(store.labels.counts().total).toBe(4 - gone.length);
  });

  test('refuses a selector without a condition', () => {
    const store = temporaryStore();
    addTo(store);
    expect(() => store.forget({})).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => store.forget({ all: false })).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(store.labels.counts().total).toBe(1);
  });

  test('names the runs that learned from them until their releases are purged, also after a restart', () => {
    const directory = temporaryDirectory();
    const store = storeIn(directory);
    const [a, b, c] = [addTo(store, { label: 'x' }), addTo(store, { label: 'x' }), addTo(store, { label: 'y' })];
    for (const [run, samples] of [
      ['r1', [a, b]],
      ['r2', [c]],
      ['r3', [b, c]],
    ] as const) {
      store.runs.begin(run, 'test', 1);
      expect(store.runs.learnedFrom(run, samples).tainted).toBe(false);
      store.runs.fail(run, 'whatever', 2);
    }
    expect(store.forget({ samples: [b] })).toEqual({ ids: [b], runs: ['r1', 'r3'], erased: true });
    store.close();
    const again = storeIn(directory);
    expect(again.runs.tainted()).toEqual(['r1', 'r3']);
    again.runs.purged('r1');
    expect(again.runs.tainted()).toEqual(['r3']);
  });

  test('taints a run that is under way and read a sample that is forgotten meanwhile', () => {
    const store = temporaryStore();
    const [a, b] = [addTo(store, { label: 'x' }), addTo(store, { label: 'x' })];
    store.runs.begin('r1', 'test', 1);
    store.forget({ samples: [a] });
    expect(store.runs.learnedFrom('r1', [a, b])).toEqual({ tainted: true });
    store.runs.fail('r1', 'stopped', 2);
    expect(store.runs.tainted()).toEqual(['r1']);
    store.runs.begin('r2', 'test', 3);
    expect(store.runs.learnedFrom('r2', [b])).toEqual({ tainted: false });
  });

  test('says when another process still holds the bytes, and erases them later', () => {
    const directory = temporaryDirectory();
    const store = storeIn(directory);
    const id = addTo(store, { raw: text('SECRET-RAW '.repeat(1000)), label: 'x' });
    const reader = openStoreReader(join(directory, 'store.db'));
    onTestFinished(() => reader.close());
    reader.snapshot(() => {
      expect([...reader.features.labelled(backbone)]).toHaveLength(1);
      expect(store.forget({ samples: [id] }).erased).toBe(false);
      expect([...reader.features.labelled(backbone)]).toHaveLength(1);
    });
    expect([...reader.features.labelled(backbone)]).toHaveLength(0);
    expect(store.checkpoint()).toBe(true);
    expect(found(directory, ['SECRET-RAW'])).toEqual([]);
  });

  test('keeps the origin, so that the same file is not taken again', () => {
    const store = temporaryStore();
    store.samples.add(sample({ origin: 'bed.jpg' }));
    store.forget({ all: true });
    expect(store.origins.seen('bed.jpg')).toBe(true);
  });
});
