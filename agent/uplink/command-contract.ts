// The commands that a device takes over MQTT: payload, result, and whether it is safe to run one again that a power cut interrupted.
// Types derive from the schemas; hostile payloads stop at them.
import { z } from 'zod';
import { className, modelManifestSchema, sampleId, verdictSchema, versionName } from './payloads.ts';

/** Raw weights that fit into one deploy command as base64, beside their manifest; larger ones go by `from`. */
export const maxInlineBytes = 90 * 1024;

const text = z.string().max(200);
const isoTime = z.iso.datetime({ offset: true });
const labelled = z.strictObject({ sample: sampleId, label: className.nullable().meta({ description: 'null takes the label back' }) });

export type Lane = 'quick' | 'long';

interface CommandSpec {
  readonly summary: string;
  readonly payload: z.ZodType;
  /** What a success carries beside `ok: true`. */
  readonly result: z.ZodObject;
  /** Quick ones are answered at once, also while a long one runs; within a lane the order is kept. */
  readonly lane: Lane;
  /** Whether a command that was interrupted may run again; where not, it is answered with the error `interrupted`. */
  rerunnable(payload: never): boolean;
}

const always = (): boolean => true;

export const commands = {
  label: {
    summary: 'Give samples their labels, or take them back',
    lane: 'quick',
    payload: z.union([labelled, z.strictObject({ samples: z.array(labelled).min(1).max(1000) })]),
    result: z.object({ labelled: z.int(), unknown: z.array(sampleId).max(1000) }),
    rerunnable: always,
  },
  train: {
    summary: 'Train now, whatever the schedule says',
    lane: 'long',
    payload: z.strictObject({ reason: text.optional() }),
    result: z.object({ run: text, verdict: verdictSchema, release: text.nullable() }),
    // A run that a power cut ended left no release behind, so training again is the same wish.
    rerunnable: always,
  },
  pause: {
    summary: 'Stop scheduled training',
    lane: 'quick',
    payload: z.strictObject({}),
    result: z.object({ paused: z.literal(true) }),
    rerunnable: always,
  },
  resume: {
    summary: 'Let scheduled training go on',
    lane: 'quick',
    payload: z.strictObject({}),
    result: z.object({ paused: z.literal(false) }),
    rerunnable: always,
  },
  rollback: {
    summary: 'Go back to an earlier release; the one before the current unless told',
    lane: 'long',
    payload: z.strictObject({ version: versionName.optional() }),
    result: z.object({ previous: text, current: text }),
    // "The one before" would go back twice; a named version is the same both times.
    rerunnable: (payload: { readonly version?: string | undefined }) => payload.version !== undefined,
  },
  snapshot: {
    summary: 'Publish the manifest and the weights of the current release again',
    lane: 'quick',
    payload: z.strictObject({}),
    result: z.object({ version: text, chunks: z.int() }),
    rerunnable: always,
  },
  deploy: {
    summary: "Take a release over: its weights inside the command, or fetched from another device's topics",
    lane: 'long',
    payload: z.union([
      z.strictObject({ manifest: modelManifestSchema, data: z.base64().max(4 * Math.ceil(maxInlineBytes / 3)) }),
      z.strictObject({ from: versionName.meta({ description: 'Name of the device that publishes them' }), version: versionName }),
    ]),
    result: z.object({ version: text, verdict: verdictSchema }),
    rerunnable: always,
  },
  forget: {
    summary: 'Remove samples and everything that was learned from them; conditions that stand together must all hold',
    lane: 'long',
    payload: z
      .strictObject({
        samples: z.array(sampleId).min(1).max(1000).optional(),
        label: className.optional(),
        source: text.optional(),
        before: isoTime.optional(),
        after: isoTime.optional(),
      })
      .refine((selector) => Object.values(selector).some((value) => value !== undefined), {
        message: 'say which samples: ids, a label, a source, or a time',
      }),
    result: z.object({ samples: z.int(), purged: z.array(text).max(1000), current: text }),
    rerunnable: always,
  },
} as const satisfies Record<string, CommandSpec>;

export type CommandType = keyof typeof commands;
export type CommandPayload<C extends CommandType> = z.infer<(typeof commands)[C]['payload']>;

export const failureSchema = z.object({
  ok: z.literal(false),
  error: z.object({ code: z.string().max(64), message: z.string().max(2000) }),
});
export type CommandFailure = z.infer<typeof failureSchema>;
export type CommandResult<C extends CommandType> = ({ readonly ok: true } & z.infer<(typeof commands)[C]['result']>) | CommandFailure;

/** The codes of results that Whetstone itself gives, beside those of the error registry that a handler throws. */
export const commandErrors = {
  'unknown-command': 'No such command type.',
  malformed: 'The payload is not JSON, or not what the command takes.',
  'too-large': 'The payload is larger than a message may be.',
  retained: 'A command was published as retained; it would run on every device that ever takes this name.',
  interrupted: 'The device stopped while the command ran, and running it again could do it twice.',
  internal: 'A bug; the log of the device has the details.',
} as const;
export type CommandErrorCode = keyof typeof commandErrors;

export function isCommandType(type: string): type is CommandType {
  return Object.hasOwn(commands, type);
}
