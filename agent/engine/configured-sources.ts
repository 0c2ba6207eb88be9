// The sources that a configuration names, as one part that starts and stops. Takes what a capture is given to.
import { createSource } from '../capture/kinds.ts';
import type { SourceContext } from '../capture/source.ts';
import { captureKind } from '../config/card.ts';
import { matchLabel } from '../config/class-names.ts';
import type { Config } from '../config/resolve.ts';
import { createVoiceActivity } from '../preprocess/voice-activity.ts';
import { classes } from '../tasks/classes.ts';
import type { EngineParts } from './parts.ts';
import { joinSources, type Sources } from './sources.ts';
import type { Startable } from './startable.ts';

export function createSources(
  config: Pick<Config, 'sources' | 'classes'>,
  { card, base }: Pick<EngineParts, 'card' | 'base'>,
  context: SourceContext,
): Startable & Pick<Sources, 'states' | 'degraded'> {
  /** Whether a subfolder is named like a class of the model; where classes are replaced, all names are alike. */
  const isKnown = (name: string) => config.classes === 'replace' || matchLabel(name, base.classes) !== null;
  const sources = joinSources(
    config.sources.map((source) =>
      createSource(source, {
        isClass: (name) => classes.target(name) !== null && (config.classes !== 'keep' || isKnown(name)),
        isKnown,
        captures: captureKind(card.input),
        sensor: card.input.kind === 'sensor' ? card.input : null,
        createSegmenter: (sampleRate: number) => createVoiceActivity({ sampleRate }),
      }),
    ),
  );
  return { start: () => sources.start(context), stop: sources.stop, states: sources.states, degraded: sources.degraded };
}
