import { describe, expect, it } from 'vitest';
import { createOperations } from '../../agent/device/operations.ts';
import { trainingBench } from '../training/bench.ts';

async function operationsWith(settings: object) {
  const bench = await trainingBench(settings);
  const ids = bench.addSamples(['cat', 'dog'], 2);
  const { config, card, store, releases, jobs, clock } = bench;
  const ports = { config, card, store, releases, jobs, clock, live: null };
  const operations = createOperations({ ...ports, switched: async () => {}, changed: () => {}, close: async () => {} });
  return { store, operations, ids };
}

describe('a label that no class of the model has', () => {
  it('is refused with the nearest one, and changes nothing', async () => {
    const { store, operations, ids } = await operationsWith({ classes: 'keep' });
    const before = store.labels.counts();
    await expect(operations.label({ label: 'dgo', samples: [ids[0]!], by: 'cli' })).rejects.toMatchObject({
      code: 'data-unusable',
      message: expect.stringContaining("did you mean 'dog'?"),
    });
    expect(store.labels.counts()).toEqual(before);
    expect(await operations.label({ label: 'Dog', samples: [ids[0]!], by: 'cli' })).toMatchObject({ labelled: 1 });
    expect(await operations.label({ label: null, samples: [ids[0]!], by: 'cli' })).toMatchObject({ unknown: [] });
  });

  it.each(['extend', 'replace'])('is a new class with classes: %s', async (classes) => {
    const { operations, ids } = await operationsWith({ classes });
    expect(await operations.label({ label: 'dgo', samples: [ids[0]!], by: 'cli' })).toMatchObject({ labelled: 1 });
  });
});
