import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { purgeTainted } from '../../agent/engine/purge-tainted.ts';
import { localDevice } from '../../agent/operations/table.ts';
import { trainingBench } from './bench.ts';

describe('training jobs', () => {
  it('turn labelled samples into a release that is current, reported, and remembers what it learned from', async () => {
    const { jobs, releases, store, reports, candidates, addSamples } = await trainingBench({});
    const ids = addSamples(['a', 'b'], 6);
    const report = await jobs.train('test');
    expect(report).toMatchObject({
      reason: 'test',
      classes: ['a', 'b'],
      samples: { train: 12, holdout: 12 },
      verdict: { kind: 'accepted' },
    });
    expect(await releases.current()).toBe(report.release);
    expect(store.runs.get(report.run)).toMatchObject({ state: 'finished', report });
    expect(store.runs.trainedOn(report.run).toSorted()).toEqual(ids.toSorted());
    expect(reports).toEqual([report]);
    expect(readdirSync(candidates)).toEqual([]);
  });

  it('learn from what captures might have been, which the store is given before the trainer reads it', async () => {
    const prepared = async () => {
      for (const [index, id] of ids.entries()) {
        const features = [...store.features.labelled(classifier.backboneHash)].find((row) => row.id === id)!.features;
        const views = [1, 2].map((seed) => features.map((value, at) => value + 0.05 * Math.sin(seed * 100 + index * 7 + at)));
        store.views.set(id, classifier.backboneHash, views);
      }
    };
    const { jobs, store, classifier, addSamples } = await trainingBench({}, { prepare: prepared });
    const ids = addSamples(['a', 'b'], 6);
    const report = await jobs.train('test');
    expect(report).toMatchObject({ samples: { train: 12, holdout: 12 }, verdict: { kind: 'accepted' } });
    const { jobs: without, addSamples: addOthers } = await trainingBench({});
    addOthers(['a', 'b'], 6);
    const other = await without.train('test');
    // The same samples: only what they might have been makes another model of them.
    expect(report.release?.split('-')[1]).not.toBe(other.release?.split('-')[1]);
  });

  it('say what is missing where there is too little to learn from', async () => {
    const { jobs, releases, store, addSamples } = await trainingBench({});
    addSamples(['a'], 6);
    const { verdict, release, run } = await jobs.train('test');
    expect({ verdict, release }).toMatchObject({
      verdict: { kind: 'waiting', reason: expect.stringContaining('two classes') },
      release: null,
    });
    expect(await releases.current()).toBe('base');
    expect(store.runs.get(run)?.state).toBe('finished');
  });

  it('follow one another', async () => {
    const { jobs, store, addSamples } = await trainingBench({});
    addSamples(['a', 'b'], 5);
    const told: string[] = [];
    const under = jobs.train('first');
    await new Promise(setImmediate);
    const [first, second] = await Promise.all([under, jobs.train('second', { progress: (_done, _total, what) => void told.push(what) })]);
    expect(told[0]).toBe('waiting for the run under way');
    expect([first.verdict.kind, second.verdict.kind]).toEqual(['accepted', 'waiting']);
    expect(store.runs.list(5).map(({ reason }) => reason)).toEqual(['second', 'first']);
  });

  it('let a release that is deployed meanwhile come after the run', async () => {
    const { jobs, releases, activation, addSamples } = await trainingBench({});
    addSamples(['a', 'b'], 5);
    const first = await releases.verify((await jobs.train('first')).release!);
    await releases.rollback('base');
    const [second] = await Promise.all([jobs.train('second'), jobs.exclusive(() => activation.activate(first.version))]);
    expect(second.release).not.toBeNull();
    expect(await releases.current()).toBe(first.version);
  });

  it('take a release back that fails its first health check', async () => {
    const { jobs, releases, store, reports, addSamples } = await trainingBench(
      {},
      {
        async use({ version }) {
          if (version !== 'base') throw new Error('it gives NaN');
        },
      },
    );
    addSamples(['a', 'b'], 5);
    await expect(jobs.train('test')).rejects.toThrow('it gives NaN');
    expect(await releases.current()).toBe('base');
    expect(store.runs.list(1)[0]).toMatchObject({ state: 'failed', error: 'it gives NaN' });
    expect(reports).toEqual([]);
  });

  it('end within their time, and when they are stopped, and do not begin after that', async () => {
    const { jobs, store, candidates, addSamples } = await trainingBench({ training: { maxMinutes: 0.005 } });
    addSamples(['a', 'b'], 5);
    await expect(jobs.train('slow')).rejects.toMatchObject({ code: 'trainer-failed' });
    expect(store.runs.list(1)[0]?.state).toBe('failed');
    const ends = [jobs.train('under way'), jobs.train('queued')].map((run) => run.catch((error) => error.code));
    await jobs.stop();
    expect(await Promise.all(ends)).toEqual(['trainer-failed', 'trainer-failed']);
    expect(store.runs.list(9).map(({ reason }) => reason)).not.toContain('queued');
    expect(readdirSync(candidates)).toEqual([]);
  });

  it('stop before the trainer has been started', async () => {
    const { jobs, store, addSamples } = await trainingBench({});
    addSamples(['a', 'b'], 5);
    const run = jobs.train('test').catch((error) => error.code);
    // One turn: the run has begun in the store and prepares its job.
    await Promise.resolve();
    await jobs.stop();
    expect(await run).toBe('trainer-failed');
    expect(store.runs.list(1)[0]).toMatchObject({ state: 'failed', error: expect.stringContaining('stopped before it began') });
  });

  it.each(['learned from', 'released'] as const)('leave no release of samples that were forgotten when they had been %s', async (when) => {
    const bench = await trainingBench(
      {},
      {
        progressed(what) {
          if (when === 'learned from' && what === 'gate') forget();
        },
        async use({ version }) {
          if (when === 'released' && version !== 'base') forget();
        },
      },
    );
    const { jobs, store, releases, directory, addSamples } = bench;
    let forgotten: Promise<unknown> | null = null;
    const forget = () => {
      if (forgotten !== null) return;
      store.forget({ samples: [ids[0]!] });
      forgotten = purgeTainted(store, releases);
    };
    const ids = addSamples(['a', 'b'], 6);
    await expect(jobs.train('test')).rejects.toThrow('forgotten meanwhile');
    expect(await forgotten).toEqual({ purged: [], hit: false });
    expect(await releases.list()).toMatchObject({ current: 'base', releases: [] });
    expect(existsSync(join(directory, 'releases', 'current'))).toBe(false);
    // Nothing is left to be purged again and again, and the next run goes through.
    await purgeTainted(store, releases);
    expect(store.runs.tainted()).toEqual([]);
    expect((await jobs.train('again')).samples.train).toBe(11);
  });

  it('erase what was forgotten while somebody read the store', async () => {
    let reader: DatabaseSync | null = null;
    const { jobs, store, directory, addSamples } = await trainingBench(
      {},
      {
        progressed(what) {
          if (what === 'features' && reader === null) {
            reader = new DatabaseSync(join(directory, 'store.db'), { readOnly: true });
            reader.exec('BEGIN; SELECT count(*) FROM samples');
            expect(store.forget({ samples: ids.slice(0, 1) }).erased).toBe(false);
          }
          if (what === 'gate' && reader?.isOpen) reader.close();
        },
      },
    );
    const ids = addSamples(['a', 'b'], 6);
    await jobs.train('test').catch(() => {});
    expect(reader).not.toBeNull();
    expect(statSync(join(directory, 'store.db-wal')).size).toBe(0);
  });

  it('forget what a release learned: it goes, and the next one equals a device that never saw the samples', async () => {
    const [device, control] = [await trainingBench({}), await trainingBench({})];
    const ids = device.addSamples(['a', 'b'], 8);
    const kept = control.addSamples(['a', 'b'], 8);
    control.store.forget({ samples: kept.slice(0, 3) });
    const { release } = await device.jobs.train('with all');
    const receive = () => Promise.reject(new Error('not here'));
    const operations = localDevice(
      {
        ...device,
        receive,
        changed: () => {},
        announce: async () => 0,
        infer: () => Promise.reject(new Error('nobody asks')),
        answers: async () => [],
        live: null,
      },
      async () => {},
    );
    const forgotten = await operations.forget({ samples: ids.slice(0, 3) });
    expect(forgotten).toMatchObject({
      samples: 3,
      purged: [release],
      retrained: { verdict: { kind: 'accepted' }, samples: { train: 13 } },
    });
    const never = await control.jobs.train('without');
    const artifact = async (bench: typeof device, version: string) => (await bench.releases.verify(version)).artifact.sha256;
    expect(await artifact(device, forgotten.current)).toBe(await artifact(control, never.release!));
  });
});
