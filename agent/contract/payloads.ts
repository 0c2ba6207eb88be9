// What the device publishes as JSON: one schema a topic, from which types and the AsyncAPI document derive. Refuses what a subscriber
// could not rely on: a number that is not one, a name without end.
import { z } from 'zod';

export const timeMs = z.int().nonnegative().meta({ description: 'Milliseconds since the epoch, of the event itself' });
const className = z.string().min(1).max(200);
export const sampleId = z.string().min(1).max(64);
export const versionName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/);
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const name = z.string().max(200);
const count = z.int().nonnegative();
const share = z.number().min(0).max(1);
const classScore = z.object({ label: className, confidence: share });
const proportion = z.object({ value: share, samples: count, low: share, high: share });

export const statusSchema = z.enum(['online', 'offline', 'stopped']);

export const infoSchema = z.object({
  timeMs,
  agent: z.object({ name: z.literal('whetstone'), version: name }),
  device: name,
  hardware: z.object({ board: name.nullable(), arch: name, cpus: count, memoryMb: count, os: name }),
  runtime: z.object({ version: name, providers: z.array(name).max(32) }),
  model: z.object({
    name,
    sha256,
    classes: z.array(className).nullable().meta({ description: 'null where the list would not fit into a message' }),
  }),
  release: name,
  capabilities: z.array(name).max(64).meta({ description: 'Commands that this device takes' }),
});

export const healthSchema = z.object({
  timeMs,
  temperatureC: z.number().nullable(),
  throttled: z.array(name).max(16).meta({ description: 'What the board complains about: under-voltage, throttled …; empty where nothing' }),
  load1: z.number().nonnegative(),
  memory: z.object({ totalMb: z.number(), freeMb: z.number(), residentMb: z.number() }),
  disk: z.object({ totalMb: z.number(), freeMb: z.number() }).nullable(),
  outbox: z.object({ waiting: count, waitingBytes: count, droppedByBytes: count, droppedByAge: count }),
  dropped: count.meta({ description: 'Live messages dropped since start, because the broker was away or the rate limit reached' }),
  degraded: z.array(z.string().max(500)).max(64).meta({ description: 'Parts that do not work at the moment, as sentences' }),
});

/** Numbers that a model gives, and how far from normal a capture is. */
const quantity = z.object({ name, unit: name, value: z.number() });
const distanceShape = { distance: z.number().nonnegative(), threshold: z.number().nullable() };

/** A message about an answer: what all of them say, and by kind what the answer says. */
export function answerSchema<Common extends z.ZodRawShape, Classes extends z.ZodRawShape>(common: Common, classes: Classes) {
  return z.discriminatedUnion('kind', [
    z.object({ ...common, kind: z.literal('classes'), ...classes }),
    z.object({ ...common, kind: z.literal('quantities'), values: z.array(quantity).max(256) }),
    z.object({ ...common, kind: z.literal('distance'), ...distanceShape }),
  ]);
}

/** Guesses of a classifier, most likely first. */
const guessesShape = { guesses: z.array(classScore).max(10) };

const predicted = { timeMs, source: name, sample: sampleId.nullable(), release: name, latencyMs: z.number().nonnegative() };
export const predictionSchema = answerSchema(predicted, { label: className, confidence: share });

const asked = {
  timeMs,
  sample: sampleId,
  source: name,
  thumbnail: z.base64().max(110_000).nullable().meta({
    description:
      'JPEG of a picture, or the recording itself as it came; null where it is long, and unless the configuration lets captures leave the device',
  }),
};
export const querySchema = answerSchema(asked, guessesShape);

export const trainingSchema = z.object({
  timeMs,
  run: name,
  done: z.number().nonnegative(),
  total: z.number().nonnegative().nullable(),
  what: name,
});

export const verdictSchema = z.object({ kind: z.enum(['accepted', 'not-worse', 'rejected', 'waiting']), reason: z.string().max(2000) });

export const reportSchema = z.object({
  timeMs,
  run: name,
  startedAtMs: timeMs,
  reason: z.string().max(500),
  learner: name.nullable(),
  classes: z.array(className).readonly(),
  samples: z.object({ train: count, holdout: count }),
  before: proportion.nullable(),
  after: proportion.nullable(),
  confusion: z
    .array(z.array(count).readonly())
    .readonly()
    .nullable()
    .meta({ description: 'Row: true class, column: predicted; null where there is none or it would not fit into a message' }),
  base: z.object({ before: share, after: share }).nullable(),
  depth: z
    .object({ ships: z.enum(['last layer', 'all layers']), lastLayer: proportion, allLayers: proportion })
    .nullable()
    .optional()
    .meta({ description: 'Several layers trained against the last one alone, on samples left out of training' }),
  verdict: verdictSchema,
  listening: z
    .object({
      background: z.array(className).readonly(),
      falseAccepts: z
        .object({ count, seconds: z.number(), perHour: z.number(), low: z.number(), high: z.number() })
        .nullable()
        .meta({ description: 'Detections in recordings of the background, an hour of them, with a 95 % interval' }),
      missed: z.object({ ...proportion.shape, count }).nullable(),
    })
    .optional()
    .meta({ description: 'Of a model that listens and knows a background' }),
  carries: z
    .object({ statistics: z.boolean(), why: z.string().max(500).nullable() })
    .optional()
    .meta({ description: 'Whether the sums behind the release travel with its weights, so that another device forgets nothing; why not' }),
  release: name.nullable(),
  seconds: z.object({ train: z.number(), total: z.number() }),
  peakRssMb: z.number(),
});

/** Bytes of weights that a manifest may announce: hostile manifests must not make a receiver allocate without end. */
export const maxDeltaBytes = 64 * 1024 * 1024;
/** Raw bytes in one chunk; with topic and properties it stays far below every service's limit. */
export const maxChunkBytes = 64 * 1024;

export const modelManifestSchema = z.object({
  timeMs,
  version: versionName,
  createdAtMs: timeMs,
  base: z.object({ name, sha256, backbone: sha256, cut: z.string().max(500) }),
  artifact: z.object({ bytes: count, sha256 }),
  delta: z
    .object({
      bytes: z.int().min(1).max(maxDeltaBytes),
      sha256,
      chunks: z
        .int()
        .min(1)
        .max(maxDeltaBytes / 1024),
      chunkBytes: z.int().min(1024).max(maxChunkBytes),
    })
    .nullable()
    .meta({ description: 'The safetensors that turn the base model into the artifact; null where the base model itself is current' }),
  classes: z.array(className).nullable().meta({ description: 'null where the list would not fit into a message' }),
  learner: name,
  origin: name,
  run: name.nullable(),
  scores: z.object({ before: proportion.nullable(), after: proportion.nullable() }),
});

export type Status = z.infer<typeof statusSchema>;
export type Info = z.infer<typeof infoSchema>;
export type Health = z.infer<typeof healthSchema>;
export type Prediction = z.infer<typeof predictionSchema>;
export type Query = z.infer<typeof querySchema>;
export type TrainingProgress = z.infer<typeof trainingSchema>;
export type Report = z.infer<typeof reportSchema>;
export type ModelManifest = z.infer<typeof modelManifestSchema>;
