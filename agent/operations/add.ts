// A capture from somewhere else: what a person kept, exported from another device or has on a disk. Stored as one that a source gave, with the
// label, time and source that come with it. Known already (these bytes, or this sample) is an answer; refuses what cannot be read.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { givenClassName } from '../config/class-name.ts';
import { importSource } from '../config/source-schema.ts';
import { sampleId } from '../contract/payloads.ts';
import { WhetError } from '../errors.ts';
import { requireClass } from './label.ts';
import { always, operation } from './operation.ts';

export interface AddedCapture {
  /** 'known': the store holds this sample, or took these bytes before. */
  readonly outcome: 'stored' | 'known';
  readonly sample: string;
}

export const add = operation({
  summary: 'Store a capture from elsewhere, with its label where it has one',
  arguments: z.strictObject({
    capture: z.base64().min(4).meta({ description: 'The encoded bytes: JPEG, WAV, CSV …' }),
    label: givenClassName.optional(),
    source: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .default(importSource),
    file: z.boolean().optional().meta({ description: 'It was a file of its own there, whatever its time' }),
    timeMs: z.number().int().nonnegative().optional(),
    sample: sampleId.optional().meta({ description: 'Its id on the device that it comes from; the same device does not take it twice' }),
  }),
  result: z.object({ outcome: z.enum(['stored', 'known']), sample: sampleId }),
  lane: 'quick',
  rerunnable: always,
  async run(
    { config, card, base, store, clock, infer, changed },
    { capture, label, source: from, file, timeMs, sample },
  ): Promise<AddedCapture> {
    if (label !== undefined) requireClass(label, config, card);
    // The times of files say nothing; of a source that is not here nobody knows that its captures were files.
    const source = file === true && !config.sources.some(({ name }) => name === from) ? importSource : from;
    const raw = Buffer.from(capture, 'base64');
    const origin = `import:${createHash('sha256').update(raw).digest('hex')}`;
    if (sample !== undefined && store.samples.get(sample) !== null) return { outcome: 'known', sample };
    // What was forgotten, or made room for others, may come again: a person brings it.
    const known = store.origins.seen(origin) ? store.samples.ofOrigin(origin) : null;
    if (known !== null) return { outcome: 'known', sample: known };
    const full = store.samples.fullFor(raw.length);
    if (full !== null) throw noRoom(full);
    const { features, answer, release, hash } = await infer(raw, origin);
    const taken = { source, timeMs: Math.min(timeMs ?? clock.now(), clock.now()), origin, backbone: base.backbone };
    const added = store.samples.add({ ...taken, features, answer, release, hash, raw, label });
    if (added.kind === 'full') throw noRoom(added.reason);
    if (label !== undefined) changed();
    return { outcome: 'stored', sample: added.id };
  },
});

function noRoom(reason: string): WhetError {
  return new WhetError('disk-full', reason, { hint: 'Raise retention.databaseMegabytes, or `whet forget` what is no longer needed.' });
}
