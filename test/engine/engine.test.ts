// The parts of a device, joined: what a new base model leaves behind is owed, whoever finds it first.
import { expect, it } from 'vitest';
import { createEngine } from '../../agent/engine/engine.ts';
import { placesOf } from '../../agent/engine/places.ts';
import { createLog } from '../../agent/log.ts';
import { owedTraining } from '../../agent/training/owed.ts';
import { trainingBench } from '../training/bench.ts';

it('a release of an earlier base model is left behind, said until another predicts, and a training for the new one is owed', async () => {
  const { config, card, store, releases, events, clock, base, jobs, addSamples } = await trainingBench({});
  addSamples(['a', 'b'], 8);
  const { release } = await jobs.train('for the old one');
  const used: string[] = [];
  const engine = createEngine({
    config,
    state: { card, store, releases, places: placesOf(config), close: () => {} },
    base: { ...base, backbone: 'c'.repeat(64) },
    clock,
    log: createLog('silent'),
    events,
    use: async ({ version }) => void used.push(version),
    embedViews: async () => [],
    infer: () => Promise.reject(new Error('nobody asks')),
    answers: async () => [],
    embedded: async () => {},
    receive: () => Promise.reject(new Error('not here')),
    announce: async () => 0,
  });
  // As a command does while no daemon runs: the daemon that starts later finds the base model current, and nothing wrong.
  await engine.start();
  expect({ used, current: await releases.current() }).toEqual({ used: ['base'], current: 'base' });
  expect(engine.degraded()).toEqual([expect.stringMatching(`^release: release ${release} belongs to backbone .*; base predicts$`)]);
  expect(owedTraining(store.settings)).toEqual({ reason: 'the base model changed', unlearning: null });
  await engine.parts.activation.useCurrent();
  expect(engine.degraded()).toEqual([]);
  await engine.stop();
});
