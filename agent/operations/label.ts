// Labels from people: given, changed, taken back, any number in one transaction. Refuses a name that is no class where none may come.

import { z } from 'zod';
import type { ModelCard } from '../config/card.ts';
import { givenClassName } from '../config/class-name.ts';
import { labelsLike } from '../config/class-names.ts';
import { nearestName } from '../config/nearest-name.ts';
import type { Config } from '../config/resolve.ts';
import { sampleId } from '../contract/payloads.ts';
import { WhetError } from '../errors.ts';
import { always, operation } from './operation.ts';
import { count } from './schemas.ts';

const labelled = z.strictObject({ sample: sampleId, label: givenClassName.nullable().meta({ description: 'null takes the label back' }) });

export interface Labelled {
  readonly labelled: number;
  /** Sample ids that the store does not hold. */
  readonly unknown: readonly string[];
}

export const label = operation({
  summary: 'Give samples their labels, or take them back',
  arguments: z.union([labelled, z.strictObject({ samples: z.array(labelled).min(1).max(10_000) })]),
  result: z.object({ labelled: count, unknown: z.array(sampleId).max(10_000) }),
  lane: 'quick',
  rerunnable: always,
  async run({ config, card, store, clock, changed }, args, { by }): Promise<Labelled> {
    // Of two labels for one sample the later one counts.
    const wanted = new Map(('samples' in args ? args.samples : [args]).map((one) => [one.sample, one.label]));
    const byLabel = Map.groupBy(wanted.keys(), (sample) => wanted.get(sample) ?? null);
    for (const name of byLabel.keys()) if (name !== null) requireClass(name, config, card);
    const nowMs = clock.now();
    // All or none, and one flush: a thousand labels would be a thousand.
    const given = store.transaction(() => [...byLabel].map(([name, samples]) => store.labels.set(samples, name, by, nowMs)));
    changed();
    return { labelled: given.reduce((sum, one) => sum + one.labelled, 0), unknown: given.flatMap(({ unknown }) => unknown) };
  },
});

/** A label that no class of the model has would close the question and count as new, and nothing would ever be learned from it. */
export function requireClass(name: string, { classes }: Config, { labels }: ModelCard): void {
  const like = labelsLike(name, labels).map((index) => `'${labels[index]}'`);
  if (classes !== 'replace' && like.length > 1)
    throw new WhetError('data-unusable', `'${name}' may mean the classes ${like.join(' or ')}`, {
      hint: 'Write the class exactly as the model card does.',
    });
  if (classes !== 'keep' || labels.length < 2 || like.length === 1) return;
  const near = nearestName(name, labels);
  const some = labels.length > 12 ? `${labels.slice(0, 12).join(', ')} and ${labels.length - 12} more` : labels.join(', ');
  throw new WhetError('data-unusable', `no class of the model is called '${name}'${near === null ? '' : ` (did you mean '${near}'?)`}`, {
    hint: `Its classes: ${some}. New ones may come with "classes: extend" or "classes: replace" in the configuration.`,
  });
}
