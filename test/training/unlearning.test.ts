// Exact unlearning of what gradients learned: the batch depends on the memory that is there, and training again goes by the memory of the release
// that it replaces, so that the result is to the bit that of a device which never saw the samples; where that has no room, none.
import { describe, expect, it } from 'vitest';
import { localDevice } from '../../agent/operations/table.ts';
import { trainingBench } from './bench.ts';

type Bench = Awaited<ReturnType<typeof trainingBench>>;

/** In megabytes: as much as the batch wants, what lowers it to a half, and what is too little for it. */
const much = 400;
const scarce = 3.6;

const settings = (memoryMegabytes: number, layers: number) => ({
  layers,
  training: { learner: 'gradient', gradient: { epochs: 2, memoryMegabytes } },
});
const classes = ['a', 'b'];
const forgotten = (ids: readonly string[]) => ids.slice(0, 3);

/** A device that learned from everything within `trained` and forgets some of it within `now`. */
async function forgetting(trained: number, now: number, layers = 2) {
  const bench = await trainingBench(settings(trained, layers));
  const ids = bench.addSamples(classes, 12);
  const { release } = await bench.jobs.train('with all');
  expect(release).not.toBeNull();
  const receive = () => Promise.reject(new Error('not here'));
  const parts = {
    ...bench,
    jobs: bench.jobsWithin(now),
    receive,
    changed: () => {},
    announce: async () => 0,
    infer: () => Promise.reject(new Error('nobody asks')),
    answers: async () => [],
    live: null,
  };
  const operations = localDevice(parts, async () => {});
  return { bench, forget: () => operations.forget({ samples: forgotten(ids) }) };
}

/** What a device that never saw them learns within so much memory. */
async function control(memory: number, layers = 2): Promise<string> {
  const bench = await trainingBench(settings(memory, layers));
  bench.store.forget({ samples: forgotten(bench.addSamples(classes, 12)) });
  return artifactOf(bench, (await bench.jobs.train('without')).release!);
}

const artifactOf = async (bench: Bench, version: string) => (await bench.releases.verify(version)).artifact.sha256;

describe('forgetting what gradients learned', () => {
  it('gives the same bits whatever memory is free by then', async () => {
    const [few, many] = [await control(scarce), await control(much)];
    // Otherwise this would say nothing.
    expect(few).not.toBe(many);
    const { bench, forget } = await forgetting(scarce, much);
    expect(await artifactOf(bench, (await forget()).current)).toBe(few);
    const again = await bench.releases.verify(await bench.releases.current());
    expect(again).toMatchObject({ origin: 'unlearning', roomBytes: scarce * 1e6 });
  });

  it('says that the memory is short rather than give other bits', async () => {
    const { bench, forget } = await forgetting(much, scarce);
    await expect(forget()).rejects.toMatchObject({ code: 'memory-short', message: expect.stringContaining('another result') });
    expect(await bench.releases.list()).toMatchObject({ current: 'base', releases: [] });
  });
});
