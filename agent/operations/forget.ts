// Forgetting samples, and every release that learned from them: exact unlearning. Also what a crash in its middle left undone.
import { z } from 'zod';
import { sampleId } from '../contract/payloads.ts';
import { purgeTainted } from '../engine/purge-tainted.ts';
import { owedTraining } from '../training/owed.ts';
import type { TrainingReport } from '../types.ts';
import { always, operation } from './operation.ts';
import { count, text, toldName } from './schemas.ts';

const isoTime = z.iso.datetime({ offset: true });

export interface Forgotten {
  readonly samples: number;
  /** Ids that the store does not hold. */
  readonly unknown: readonly string[];
  /** Nothing was forgotten: this is what would be. */
  readonly dryRun: boolean;
  /** Releases that had learned from them and were removed. */
  readonly purged: readonly string[];
  /** The release that is current now; trained without them, or an older one that never saw them. */
  readonly current: string;
  /** The run that trained without them; null where none was needed. */
  readonly retrained: TrainingReport | null;
}

export const forget = operation({
  summary: 'Remove samples and everything that was learned from them; conditions that stand together must all hold',
  arguments: z
    .strictObject({
      samples: z.array(sampleId).min(1).max(100_000).optional(),
      label: toldName.optional(),
      source: text.optional(),
      before: isoTime.optional(),
      after: isoTime.optional(),
      all: z.literal(true).optional(),
      dryRun: z.boolean().optional().meta({ description: 'Say what would be forgotten, and change nothing' }),
    })
    .refine(({ dryRun: _, ...selector }) => Object.values(selector).some((value) => value !== undefined), {
      message: 'say which samples: ids, a label, a source, a time, or all',
    }),
  result: z.object({
    samples: count,
    unknown: z.array(sampleId).max(1000),
    dryRun: z.boolean(),
    purged: z.array(text).max(1000),
    current: text,
  }),
  lane: 'long',
  rerunnable: always,
  async run(
    { store, releases, activation, jobs, changed },
    { before, after, dryRun = false, ...rest },
    { progress, signal },
  ): Promise<Forgotten> {
    const selector = {
      ...rest,
      ...(before === undefined ? {} : { beforeMs: Date.parse(before) }),
      ...(after === undefined ? {} : { afterMs: Date.parse(after) }),
    };
    const unknown = (rest.samples ?? []).filter((id) => store.samples.get(id) === null);
    if (dryRun) {
      const { ids, runs } = store.wouldForget(selector);
      const { current, releases: all } = await releases.list();
      const purged = all.filter(({ run }) => run !== null && runs.includes(run)).map(({ version }) => version);
      return { samples: ids.length, unknown, dryRun, purged, current, retrained: null };
    }
    const { ids } = store.forget(selector);
    changed();
    const { purged, hit } = await purgeTainted(store, releases);
    if (hit) await activation.useCurrent();
    // Owed also where a power cut came between the two, and this is the second time.
    const owed = owedTraining(store.settings);
    const retrained = owed?.unlearning == null ? null : await jobs.train(owed.reason, { unlearning: owed.unlearning, progress, signal });
    return { samples: ids.length, unknown, dryRun, purged, current: await releases.current(), retrained };
  },
});
