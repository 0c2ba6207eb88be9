// Samples of the store, a page at a time, oldest first: what they are, and not their captures.
import { z } from 'zod';
import { sampleId } from '../contract/payloads.ts';
import type { DeviceParts } from '../engine/parts.ts';
import type { Labeller, Sample } from '../store/sample-rows.ts';
import type { Answer, ClassScore } from '../types.ts';
import { always, operation } from './operation.ts';
import { text, toldName } from './schemas.ts';

export interface SampleFacts {
  readonly sample: string;
  readonly source: string;
  readonly timeMs: number;
  /** What predicted, and what it said. */
  readonly release: string;
  readonly answer: Answer;
  /** Those of a classifier, most likely first; none of others. */
  readonly guesses: readonly ClassScore[];
  readonly label: string | null;
  readonly labelledBy: Labeller | null;
  readonly labelledMs: number | null;
  /** What its source calls it: path, size and time of a file. */
  readonly origin: string | null;
  /** The capture itself is still there; the oldest labelled ones keep only what is learned from. */
  readonly hasCapture: boolean;
}

export const sampleFacts = z.object({
  sample: sampleId,
  source: text,
  timeMs: z.number(),
  release: text,
  guesses: z.array(z.object({ label: toldName, confidence: z.number() })).max(10),
  label: toldName.nullable(),
  labelledBy: text.nullable(),
  labelledMs: z.number().nullable(),
  hasCapture: z.boolean(),
});

export const samples = operation({
  summary: 'Samples of the store, oldest first; conditions that stand together must all hold',
  arguments: z.strictObject({
    labelled: z.boolean().optional(),
    label: toldName.optional(),
    source: text.optional(),
    after: sampleId.optional().meta({ description: 'The last sample of the page before' }),
    limit: z.number().int().min(1).max(100).default(100),
  }),
  result: z.object({ samples: z.array(sampleFacts).max(100), more: z.boolean() }),
  lane: 'quick',
  rerunnable: always,
  async run({ store }, { limit, ...wanted }): Promise<{ readonly samples: readonly SampleFacts[]; readonly more: boolean }> {
    const page = store.samples.page(wanted, limit + 1);
    return { samples: page.slice(0, limit).map((sample) => factsOf(store, sample)), more: page.length > limit };
  },
});

export function factsOf(store: DeviceParts['store'], sample: Sample): SampleFacts {
  const last = sample.label === null ? undefined : store.labels.history(sample.id).findLast(({ label }) => label === sample.label);
  return {
    sample: sample.id,
    source: sample.source,
    timeMs: sample.timeMs,
    release: sample.release,
    answer: sample.answer,
    guesses: sample.answer.kind === 'classes' ? sample.answer.scores : [],
    label: sample.label,
    labelledBy: last?.by ?? null,
    labelledMs: last?.atMs ?? null,
    origin: sample.origin,
    hasCapture: sample.hasRaw,
  };
}
