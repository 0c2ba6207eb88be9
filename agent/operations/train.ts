// A training run that somebody asks for: ahead of pause, calendar and count. Gives its report.
import { z } from 'zod';
import { verdictSchema } from '../contract/payloads.ts';
import { always, operation } from './operation.ts';
import { text } from './schemas.ts';

export const train = operation({
  summary: 'Train now, whatever the schedule says',
  arguments: z.strictObject({ reason: text.default('asked for') }),
  result: z.object({ run: text, verdict: verdictSchema, release: text.nullable() }),
  lane: 'long',
  // A run that a power cut ended left no release behind, so training again is the same wish.
  rerunnable: always,
  run: ({ jobs }, { reason }, { progress, signal }) => jobs.train(reason, { progress, signal }),
});
