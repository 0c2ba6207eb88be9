import { describe, expect, it } from 'vitest';
import { localDevice } from '../../agent/operations/table.ts';
import { trainingBench } from '../training/bench.ts';

async function operationsWith(settings: object) {
  const bench = await trainingBench(settings);
  const ids = bench.addSamples(['cat', 'dog'], 2);
  const device = {
    ...bench,
    changed: () => {},
    announce: async () => 0,
    infer: () => Promise.reject(new Error('nobody asks')),
    answers: async () => [],
    live: null,
  };
  const receive = () => Promise.reject(new Error('not here'));
  const operations = localDevice({ ...device, receive }, async () => {});
  const { store } = bench;
  return { store, operations, ids };
}

describe('a label that no class of the model has', () => {
  it('is refused with the nearest one, and changes nothing', async () => {
    const { store, operations, ids } = await operationsWith({ classes: 'keep' });
    const before = store.labels.counts();
    await expect(operations.label({ sample: ids[0]!, label: 'dgo' })).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringContaining("did you mean 'dog'?"),
    });
    expect(store.labels.counts()).toEqual(before);
    expect(await operations.label({ sample: ids[0]!, label: 'Dog' })).toMatchObject({ labelled: 1 });
    expect(await operations.label({ sample: ids[0]!, label: null })).toMatchObject({ unknown: [] });
  });

  it.each(['extend', 'replace'])('is a new class with classes: %s', async (classes) => {
    const { operations, ids } = await operationsWith({ classes });
    expect(await operations.label({ sample: ids[0]!, label: 'dgo' })).toMatchObject({ labelled: 1 });
  });
});
