// The configuration as its user writes it: names, limits, defaults, and the sentence about each that editors and error messages show.
import { z } from 'zod';
import { cronFault } from './cron.ts';
import { gradientSchema } from './gradient-schema.ts';
import { wholeNumber } from './json-schema.ts';
import { mqttSchema, topicSafe } from './mqtt-schema.ts';
import { sourcesSchema } from './source-schema.ts';

const duplicatesSchema = z
  .strictObject({
    distance: wholeNumber(0, 64).default(4).describe('Captures are alike when at most this many of 64 bits of their hashes differ.'),
    windowSeconds: z
      .number()
      .min(0)
      .max(604_800)
      .default(60)
      .describe('Only captures of the last so many seconds are compared; 0 keeps all.'),
  })
  .prefault({})
  .describe('Captures that are nearly the same as one just stored are not stored again.');

const queriesSchema = z
  .strictObject({
    perHour: wholeNumber(0, 3600).default(6).describe('Questions asked an hour at most; 0 asks none.'),
    below: z.number().min(0).max(1).default(0.6).describe('Ask for a label when the confidence is below this, 0 to 1.'),
    thumbnail: z
      .boolean()
      .default(false)
      .describe('Send a small picture, or a short recording, with a question. Captures leave the device only then.'),
    thumbnailEdge: wholeNumber(16, 320).default(160).describe('Longer edge of such a picture in pixels, 16 to 320.'),
  })
  .prefault({})
  .describe('Questions to people about captures that the model is unsure of.');

const trainingSchema = z
  .strictObject({
    schedule: z
      .string()
      .max(200)
      .superRefine((expression, context) => {
        const fault = cronFault(expression);
        if (fault !== null) context.addIssue({ code: 'custom', message: fault, input: expression });
      })
      .nullable()
      .default(null)
      .describe(
        'When training may start, as a cron expression in local time ("0 3 * * *": at 3 at night); null: as soon as there are enough new labels.',
      ),
    minNewLabels: wholeNumber(1, 100_000).default(10).describe('New labels before a scheduled run is worth it, 1 or more.'),
    learner: z
      .enum(['auto', 'closed-form', 'gradient'])
      .default('auto')
      .describe('closed-form (last linear layer, seconds), gradient (several layers), or auto: what held-out samples say.'),
    engine: z
      .enum(['onnx', 'tfjs'])
      .default('onnx')
      .describe('What trains by gradients: onnx (compiled, needs nothing), or tfjs where @tensorflow/tfjs-node is installed.'),
    maxMinutes: z.number().gt(0).max(1440).default(15).describe('A run is ended after this many minutes.'),
    minPerClass: wholeNumber(1, 10_000).default(3).describe('A class with fewer labels is left out of a run.'),
    nice: wholeNumber(0, 19).default(10).describe('Priority of the trainer, 0 (normal) to 19 (only when nothing else runs).'),
    gradient: gradientSchema,
  })
  .prefault({})
  .describe('When and how the device trains.');

const gateSchema = z
  .strictObject({
    forgetting: z.number().min(0).max(1).default(0.01).describe('Accuracy on the base golden set that a candidate may lose, 0 to 1.'),
    latencyRatio: z.number().min(1).max(10).default(1.5).describe('Largest latency of a candidate against the current model, 1 to 10.'),
    sizeRatio: z.number().min(1).max(10).default(1.2).describe('Largest size of a candidate against the current model, 1 to 10.'),
    confidence: z.number().min(0.5).max(0.999).default(0.9).describe('How sure the gate must be that a candidate is better, 0.5 to 0.999.'),
  })
  .prefault({})
  .describe('What a candidate must hold to become the current model.');

const retentionSchema = z
  .strictObject({
    unlabelledSamples: wholeNumber(0, 10_000_000).default(2000).describe('Samples without a label that are kept; the oldest go first.'),
    rawMegabytes: z
      .number()
      .min(1)
      .max(1_000_000)
      .default(512)
      .describe('Disk for the raw captures (pictures, recordings) of labelled samples.'),
    unaskedMegabytesPerDay: z
      .number()
      .min(0)
      .max(1_000_000)
      .default(200)
      .describe(
        'Raw captures of cameras, microphones and sensors that nobody asked about: what is written of them in a day. The newest of the rest stay in memory until they are asked about or labelled.',
      ),
    databaseMegabytes: z.number().min(8).max(1_000_000).default(512).describe('Disk for the database, 8 or more.'),
    releases: wholeNumber(2, 1000).default(5).describe('Releases kept to roll back to, the current one included, 2 or more.'),
  })
  .prefault({})
  .describe('How much disk is used.');

export const configSchema = z
  .strictObject({
    $schema: z.string().optional().describe('Where the JSON Schema of this file is, for editors.'),
    device: z
      .string()
      .regex(topicSafe)
      .optional()
      .describe('Name of this device, unique at the broker: letters, digits, "_" and "-", at most 64. The host name unless given.'),
    model: z.string().min(1).describe('Path of the ONNX model, relative to this file.'),
    card: z.string().min(1).optional().describe('Path of its model card; the one beside the model unless given.'),
    state: z
      .string()
      .min(1)
      .optional()
      .describe('Folder for samples and releases; $STATE_DIRECTORY, or one of its own in ~/.local/state/whetstone unless given.'),
    runtimeDir: z
      .string()
      .min(1)
      .optional()
      .describe('Folder for the control socket; $RUNTIME_DIRECTORY, or one of its own in $XDG_RUNTIME_DIR/whetstone unless given.'),
    layers: wholeNumber(1, 1000).optional().describe('Layers with weights that are trained, counted from the output; 1 unless given.'),
    cut: z.string().min(1).optional().describe('Tensor at which the model is cut, instead of layers; `whet inspect` names them.'),
    threads: wholeNumber(1, 256).default(1).describe('Threads for inference, 1 or more.'),
    classes: z
      .enum(['keep', 'extend', 'replace'])
      .default('keep')
      .describe('keep the classes of the model, extend them by new labels, or replace them by the labels given.'),
    sources: sourcesSchema,
    duplicates: duplicatesSchema,
    queries: queriesSchema,
    training: trainingSchema,
    gate: gateSchema,
    retention: retentionSchema,
    mqtt: mqttSchema
      .nullable()
      .default(null)
      .describe(mqttSchema.description ?? ''),
    log: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info').describe('Least severe messages that are logged.'),
  })
  .superRefine(
    (config: { readonly layers?: unknown; readonly cut?: unknown }, context) => {
      if (config?.layers === undefined || config.cut === undefined) return;
      context.addIssue({ code: 'custom', path: ['cut'], message: 'is given together with layers; keep one of them', input: config.cut });
    },
    { when: () => true },
  );

/** The configuration as written, defaults filled in; `resolveConfig` makes a Config of it. */
export type WrittenConfig = z.output<typeof configSchema>;
