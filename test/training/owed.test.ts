import { describe, expect, it } from 'vitest';
import { purgeTainted } from '../../agent/engine/purge-tainted.ts';
import { localDevice } from '../../agent/operations/table.ts';
import { owedTraining, oweTraining } from '../../agent/training/owed.ts';
import { trainingBench } from './bench.ts';

describe('a training that is owed', () => {
  it('is made up for where a power cut came between forgetting and training', async () => {
    const bench = await trainingBench({});
    const { jobs, store, releases, addSamples } = bench;
    const ids = addSamples(['a', 'b'], 8);
    const { release } = await jobs.train('with all');
    // So far the command came before the power went.
    store.forget({ samples: ids.slice(0, 3) });
    expect(await purgeTainted(store, releases)).toEqual({ purged: [release], hit: true });
    expect(owedTraining(store.settings)).toMatchObject({ reason: 'samples were forgotten', unlearning: {} });
    // It is rerun after the next start, and finds nothing to forget any more.
    const receive = () => Promise.reject(new Error('not here'));
    const device = localDevice(
      {
        ...bench,
        receive,
        changed: () => {},
        announce: async () => 0,
        infer: () => Promise.reject(new Error('nobody asks')),
        answers: async () => [],
        live: null,
      },
      async () => {},
    );
    const forgotten = await device.forget({ samples: ids.slice(0, 3) });
    expect(forgotten).toMatchObject({ samples: 0, retrained: { reason: 'samples were forgotten', samples: { train: 13 } } });
    expect(owedTraining(store.settings)).toBeNull();
  });

  it('of forgetting is settled by a run that unlearns alone, and outlives the wish of a new base model', async () => {
    const { jobs, store, addSamples } = await trainingBench({});
    addSamples(['a', 'b'], 8);
    oweTraining(store.settings, { reason: 'the base model changed', unlearning: null });
    await jobs.train('scheduled');
    expect(owedTraining(store.settings)).toBeNull();
    oweTraining(store.settings, { reason: 'samples were forgotten', unlearning: {} });
    oweTraining(store.settings, { reason: 'the base model changed', unlearning: null });
    await jobs.train('scheduled again');
    expect(owedTraining(store.settings)?.reason).toBe('samples were forgotten');
    await jobs.train('at last', { unlearning: {} });
    expect(owedTraining(store.settings)).toBeNull();
  });
});
