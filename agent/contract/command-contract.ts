// The contract of commands over MQTT, whatever the commands are: what is said of one, and how it is answered. The commands themselves are
// the operations of the device, handed in as a table. Hostile payloads stop at their schemas.
import { z } from 'zod';
import { modelManifestSchema, versionName } from './payloads.ts';

/** Raw weights that fit into one deploy command as base64, beside their manifest; larger ones go by `from`. */
export const maxInlineBytes = 90 * 1024;

export interface CommandSpec {
  readonly summary: string;
  readonly arguments: z.ZodType;
  /** What a success carries beside `ok: true`. */
  readonly result: z.ZodObject;
  /** Quick ones are answered at once, also while a long one runs; within a lane the order is kept. */
  readonly lane: 'quick' | 'long';
  /** Whether a command that was interrupted may run again; where not, it is answered with the error `interrupted`. */
  rerunnable(args: never): boolean;
}

/** By the type in their topic. */
export type CommandTable = Readonly<Record<string, CommandSpec>>;

const remoteWeights = z.strictObject({
  from: versionName.meta({ description: 'Name of the device that publishes them' }),
  version: versionName,
});
export type RemoteWeights = z.infer<typeof remoteWeights>;

/** Where the weights of a deployment are: in the command, or on another device's topics. */
export const deploySource = z.union([
  z.strictObject({ manifest: modelManifestSchema, data: z.base64().max(4 * Math.ceil(maxInlineBytes / 3)) }),
  remoteWeights,
]);

export const failureSchema = z.object({
  ok: z.literal(false),
  error: z.object({ code: z.string().max(64), message: z.string().max(2000) }),
});
export type CommandFailure = z.infer<typeof failureSchema>;

/** The codes of results that Whetstone itself gives, beside those of the error registry that a handler throws. */
export const commandErrors = {
  'unknown-command': 'No such command type.',
  'not-allowed': 'The configuration of the device does not take this command over MQTT (`mqtt.commands`).',
  malformed: 'The payload is not JSON, or not what the command takes.',
  'too-large': 'The payload is larger than a message may be.',
  retained:
    'A command was published as retained, and came to a device that subscribed later; it would run on every device that ever takes this name. A device that is subscribed at the time takes it as any other command: the broker does not tell it of the flag.',
  interrupted: 'The device stopped while the command ran, and running it again could do it twice.',
  internal: 'A bug; the log of the device has the details.',
} as const;
export type CommandErrorCode = keyof typeof commandErrors;
