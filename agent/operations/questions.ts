// What the device asks people: samples of which it is unsure, newest first, with its guesses.
import { z } from 'zod';
import { always, operation } from './operation.ts';
import { className, sampleId, text } from './schemas.ts';

export interface Question {
  readonly sample: string;
  readonly source: string;
  readonly timeMs: number;
  readonly guesses: readonly { readonly label: string; readonly confidence: number }[];
}

export const questions = operation({
  summary: 'What the device asks people, newest first',
  arguments: z.strictObject({ limit: z.number().int().min(1).max(10_000).default(100) }),
  result: z.object({
    questions: z.array(
      z.object({
        sample: sampleId,
        source: text,
        timeMs: z.number(),
        guesses: z.array(z.object({ label: className, confidence: z.number() })).max(10),
      }),
    ),
  }),
  lane: 'quick',
  rerunnable: always,
  async run({ store }, { limit }): Promise<{ readonly questions: readonly Question[] }> {
    const open = store.queries.open(limit);
    return { questions: open.map(({ sample, source, timeMs, guesses }) => ({ sample, source, timeMs, guesses })) };
  },
});
