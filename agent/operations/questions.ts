// What the device asks people: samples of which it is unsure, newest first, with its answers.
import { z } from 'zod';
import { answerSchema, sampleId } from '../contract/payloads.ts';
import { recordOf } from '../tasks/table.ts';
import type { Answer } from '../types.ts';
import { always, operation } from './operation.ts';
import { text, toldName } from './schemas.ts';

const mostGuesses = 10;
const question = answerSchema(
  { sample: sampleId, source: text, timeMs: z.number() },
  { guesses: z.array(z.object({ label: toldName, confidence: z.number() })).max(mostGuesses) },
);
export type Question = z.infer<typeof question>;

/** What the device said of the sample that a question is about. */
export function answerOf(asked: Question): Answer {
  return asked.kind === 'classes' ? { kind: asked.kind, scores: asked.guesses } : asked;
}

export const questions = operation({
  summary: 'What the device asks people, newest first',
  arguments: z.strictObject({ limit: z.number().int().min(1).max(10_000).default(100) }),
  result: z.object({
    questions: z.array(question),
  }),
  lane: 'quick',
  rerunnable: always,
  async run({ store }, { limit }): Promise<{ readonly questions: readonly Question[] }> {
    const open = store.queries.open(limit);
    return {
      questions: open.map(({ sample, source, timeMs, answer }) => ({
        sample,
        source,
        timeMs,
        ...recordOf(answer).question(answer, mostGuesses),
      })),
    };
  },
});
