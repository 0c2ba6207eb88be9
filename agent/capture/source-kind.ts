// What a kind of source is: one record, from which the schema of the configuration, `whet check`, its documentation and the source itself are
// made. A new kind is a file in kinds/, its test, and a line in kinds.ts.
import { z } from 'zod';
import type { InputSpec } from '../config/card.ts';
import { wholeNumber } from '../config/json-schema.ts';
import { topicSafe } from '../config/mqtt-schema.ts';
import type { Finding } from '../config/problem.ts';
import type { SensorInput } from '../config/sensor-input.ts';
import type { CaptureKind } from '../types.ts';
import { type BudgetLimits, defaultBudget } from './budget.ts';
import type { Segmenter } from './microphone.ts';
import type { Source } from './source.ts';

/** What every source has. */
export interface SourceSettings {
  readonly name: string;
  readonly kind: string;
  readonly budget: BudgetLimits;
}

export interface SourceKind<S extends z.ZodType<SourceSettings>> {
  /** Its word in the configuration. */
  readonly kind: string;
  /** What may be written; its `kind` is described by the sentence that documentation shows. */
  readonly schema: S;
  /** What its captures can be; a model that takes none of these is a finding. */
  readonly gives: readonly CaptureKind[];
  /** Settings that are paths: relative to the file of the configuration, absolute from then on. */
  readonly paths: readonly string[];
  /**
   * Captures of it within so many milliseconds that have the same label are one moment, beside what it says itself (`Capture.moment`); null: apart,
   * whatever their times are.
   */
  burstMs(settings: z.output<S>, input: InputSpec): number | null;
  /** Whether what it needs is there. Paths of findings begin at the source; what may come by itself is 'degraded'. */
  check(settings: z.output<S>, surroundings: CheckSurroundings): Promise<readonly Finding[]>;
  create(settings: z.output<S>, surroundings: SourceSurroundings): Source;
}

export interface CheckSurroundings {
  /** The folder of samples and releases. */
  readonly state: string;
  /** What the model takes; null where its card cannot be read. */
  readonly input: InputSpec | null;
  /** PATH. */
  readonly searchPath: string;
  /** The sources that stand before it, in order. */
  readonly earlier: readonly (Pick<SourceSettings, 'kind'> & { readonly path?: string | undefined })[];
}

export interface SourceSurroundings {
  /** Whether a subfolder of this name is a label: a class of the model, or any name where classes may be new. */
  readonly isClass: (name: string) => boolean;
  /** Whether it is a class of the model already. */
  readonly isKnown: (name: string) => boolean;
  /** What the model takes. */
  readonly captures: CaptureKind;
  /** How the model's windows are made of readings; null where it takes none. */
  readonly sensor: SensorInput | null;
  /** Cuts what a microphone hears into utterances. */
  readonly createSegmenter: (sampleRate: number) => Segmenter;
}

/** Only for its types: `settings` of the functions are what the schema gives. */
export function sourceKind<S extends z.ZodType<SourceSettings>>(record: SourceKind<S>): SourceKind<S> {
  return record;
}

/** The setting that all kinds have beside name and kind. */
export const sourceBudget = z
  .strictObject({
    capturesPerMinute: wholeNumber(1, 1_000_000).default(defaultBudget.capturesPerMinute).describe('Captures taken a minute, 1 or more.'),
    megabytesPerMinute: z
      .number()
      .min(1)
      .max(1_000_000)
      .default(defaultBudget.megabytesPerMinute)
      .describe('And their bytes, in MB, 1 or more.'),
  })
  .prefault({})
  .describe('What is taken of this source a minute; a program that gives more is passed over, files wait.');

export const sourceName = z.string().regex(topicSafe).describe('Name of the source, once each: letters, digits, "_" and "-", at most 64.');
