import { expect, it } from 'vitest';
import { createCatchUp } from '../../agent/engine/catch-up.ts';
import type { Engine } from '../../agent/engine/engine.ts';
import { createLog } from '../../agent/log.ts';
import type { OwedTraining } from '../../agent/training/owed.ts';

function setUp(owed: OwedTraining | null, running = false) {
  const done: string[] = [];
  const embedding = Promise.withResolvers<number>();
  const train = async (reason: string, options: object) => void done.push(`${reason} ${JSON.stringify(options)}`);
  const engine = { viewKeeper: { wake: () => void done.push('woken') }, parts: { jobs: { train, running } }, owed: () => owed };
  const reembedding = { start: () => embedding.promise, settled: async () => {}, stop: async () => void embedding.resolve(0) };
  const part = createCatchUp(engine as unknown as Engine, reembedding, createLog('silent'));
  return { part, embedding, done };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

it.each([
  [{ reason: 'the base model changed', unlearning: null }, false, ['woken', 'the base model changed {}']],
  [{ reason: 'forgotten', unlearning: { roomBytes: 7 } }, false, ['woken', 'forgotten {"unlearning":{"roomBytes":7}}']],
  [null, false, ['woken']],
  [{ reason: 'forgotten', unlearning: {} }, true, ['woken']],
])('what is owed (%j, a run under way: %s) is made up for once captures are embedded again', async (owed, running, expected) => {
  const { part, embedding, done } = setUp(owed, running);
  await part.start();
  await settled();
  expect(done).toEqual([]);
  embedding.resolve(3);
  await settled();
  expect(done).toEqual(expected);
});

it('a device that stops begins no training', async () => {
  const { part, done } = setUp({ reason: 'forgotten', unlearning: {} });
  await part.start();
  await part.stop();
  await settled();
  expect(done).not.toContain('forgotten {"unlearning":{}}');
});
