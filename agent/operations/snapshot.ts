// The current release once more for who was not there: manifest and weights over MQTT. Gives how many chunks were announced.
import { z } from 'zod';
import { always, operation } from './operation.ts';
import { count, nothing, text } from './schemas.ts';

export const snapshot = operation({
  summary: 'Publish the manifest and the weights of the current release again',
  arguments: nothing,
  result: z.object({ version: text, chunks: count }),
  lane: 'quick',
  rerunnable: always,
  run: async ({ releases, announce }) => ({ version: await releases.current(), chunks: await announce() }),
});
