// One sample with its capture: what a person needs to see before answering. Takes an id or the beginning of one; refuses (`sample-unknown`) what
// the store does not hold, and beginnings that several share. The capture itself goes over the control socket alone.
import { z } from 'zod';
import type { InputSpec } from '../config/card.ts';
import { captureKind } from '../config/card.ts';
import { sampleId } from '../contract/payloads.ts';
import { WhetError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { CaptureKind } from '../types.ts';
import { always, operation } from './operation.ts';
import { factsOf, type SampleFacts, sampleFacts } from './samples.ts';

export interface Shown extends SampleFacts {
  readonly kind: CaptureKind;
  /** The device asks what it is. */
  readonly asked: boolean;
  /** How the model takes it: names and rates of a sensor's channels. */
  readonly input: InputSpec;
  /** Base64; null where it is not kept any more. */
  readonly capture: string | null;
}

export const show = operation({
  summary: 'One sample: what it is, and on the control socket the capture itself',
  arguments: z.strictObject({
    sample: sampleId.optional().meta({ description: 'An id, or the beginning of one; the newest open question unless told' }),
  }),
  result: z.object({ ...sampleFacts.shape, asked: z.boolean() }),
  lane: 'quick',
  rerunnable: always,
  async run({ card, store }, { sample: wanted }): Promise<Shown> {
    const id = wanted === undefined ? newestQuestion(store) : findSample(store, wanted);
    const sample = store.samples.get(id);
    if (sample === null) throw unknown(id);
    const raw = store.samples.raw(id);
    return {
      ...factsOf(store, sample),
      kind: captureKind(card.input),
      asked: store.queries.isOpen(id),
      input: card.input,
      capture: raw === null ? null : Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64'),
    };
  },
});

function newestQuestion(store: Store): string {
  const [newest] = store.queries.open(1);
  if (newest !== undefined) return newest.sample;
  throw new WhetError('sample-unknown', 'the device asks nothing at the moment', { hint: 'Name a sample: whet show SAMPLE' });
}

/** Throws `sample-unknown`. */
function findSample(store: Store, wanted: string): string {
  const [only, ...more] = store.samples.starting(wanted, 4);
  if (only === undefined) throw unknown(wanted);
  if (more.length === 0) return only;
  const named = [only, ...more].slice(0, 3).join(', ');
  throw new WhetError('sample-unknown', `several samples begin with '${wanted}': ${named}${more.length > 2 ? ' …' : ''}`, {
    hint: 'Write more of it.',
  });
}

function unknown(wanted: string): WhetError {
  return new WhetError('sample-unknown', `the store holds no sample '${wanted}'`, {
    hint: '`whet label` lists what the device asks about. The oldest unlabelled captures go when room is needed (retention).',
  });
}
