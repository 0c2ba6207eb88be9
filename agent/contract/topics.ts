// The topic contract: every topic below `<root>/<device>/` with its content, whether it is retained, its quality of service and the way
// it takes to the broker. Names in, topics out; refuses names that are not safe in a topic and topics deeper than seven levels.
import { z } from 'zod';
import { WhetError } from '../errors.ts';
import {
  healthSchema,
  infoSchema,
  maxChunkBytes,
  modelManifestSchema,
  predictionSchema,
  querySchema,
  reportSchema,
  statusSchema,
  trainingSchema,
} from './payloads.ts';

/** Services take 128 KB at most (AWS IoT), topics of seven levels, so nothing larger is ever sent or taken. */
export const maxMessageBytes = 128 * 1024;
export const maxTopicLevels = 7;

const level = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** One topic level, and safe as a client identifier and a file name too. */
const deviceNameSchema = z.string().regex(level, 'letters, digits, "_", "-" and "." only, at most 64, starting with a letter or digit');
/** Up to three levels: the deepest topic below it has four. */
const rootSchema = z.string().refine((root) => root.split('/').length <= 3 && root.split('/').every((part) => level.test(part)), {
  message: 'one to three topic levels of letters, digits, "_", "-" and ".", without a slash at either end',
});

/**
 * How a message gets to the broker.
 * - `state`: the newest value is kept in memory, sent when connected (QoS 1) and again after a connection was lost. Nothing is written to
 *   flash: the next value supersedes it anyway.
 * - `outbox`: written to SQLite first, deleted on acknowledgement. What somebody would miss: questions, reports, results, weights.
 * - `live`: QoS 0 while connected, dropped and counted otherwise. What is only of interest now.
 */
export type Route = 'state' | 'outbox' | 'live';

export type Content =
  | { readonly kind: 'json'; readonly schema: z.ZodType }
  | { readonly kind: 'text'; readonly schema: z.ZodType }
  | { readonly kind: 'bytes'; readonly maxBytes: number };

export interface TopicSpec {
  readonly topic: string;
  readonly summary: string;
  readonly retained: boolean;
  readonly qos: 0 | 1;
  readonly route: Route;
  readonly content: Content;
}

const json = <T extends z.ZodType>(schema: T) => ({ kind: 'json', schema }) as const;

export const topics = {
  status: {
    topic: 'status',
    summary: 'Whether the device is there; `offline` is its last will',
    retained: true,
    qos: 1,
    route: 'state',
    content: { kind: 'text', schema: statusSchema },
  },
  info: { topic: 'info', summary: 'What the device is and can', retained: true, qos: 1, route: 'state', content: json(infoSchema) },
  health: { topic: 'health', summary: 'How the device is', retained: true, qos: 1, route: 'state', content: json(healthSchema) },
  prediction: { topic: 'prediction', summary: 'What it saw', retained: false, qos: 0, route: 'live', content: json(predictionSchema) },
  query: { topic: 'query', summary: 'A sample it wants labelled', retained: false, qos: 1, route: 'outbox', content: json(querySchema) },
  training: {
    topic: 'training',
    summary: 'Where the running job stands',
    retained: false,
    qos: 0,
    route: 'live',
    content: json(trainingSchema),
  },
  report: { topic: 'report', summary: 'What the last run found', retained: true, qos: 1, route: 'outbox', content: json(reportSchema) },
  model: { topic: 'model', summary: 'The current release', retained: true, qos: 1, route: 'outbox', content: json(modelManifestSchema) },
  chunk: {
    topic: 'model/{version}/{chunk}',
    summary: 'Weights of a release: bytes chunk × chunkBytes and on of its safetensors file, on request or after a release',
    retained: false,
    qos: 1,
    route: 'outbox',
    content: { kind: 'bytes', maxBytes: maxChunkBytes },
  },
} as const satisfies Record<string, TopicSpec>;

export type TopicName = keyof typeof topics;

export interface Address {
  readonly root: string;
  readonly device: string;
}

/** `<root>/<device>/<rest>`. */
export function topicOf(address: Address, rest: string): string {
  return `${address.root}/${address.device}/${rest}`;
}

export function chunkTopic(version: string, chunk: number): string {
  return `model/${version}/${chunk}`;
}

/** What `chunkTopic` made; null for any other topic. */
export function parseChunkTopic(topic: string): { readonly version: string; readonly chunk: number } | null {
  const [, version, chunk] = /^model\/([^/]+)\/(\d{1,6})$/.exec(topic) ?? [];
  return version === undefined ? null : { version, chunk: Number(chunk) };
}

/** Throws `topic-invalid` for a root or a device that is not safe in a topic. */
export function addressOf(root: string, device: string): Address {
  for (const [what, schema, value] of [
    ['root', rootSchema, root],
    ['device', deviceNameSchema, device],
  ] as const) {
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw new WhetError('topic-invalid', `MQTT ${what} '${value}': ${parsed.error.issues[0]?.message}`);
  }
  return { root, device };
}

export interface CommandAddress {
  readonly type: string;
  readonly id: string;
}

const commandLevel = /^[A-Za-z0-9_.:-]{1,64}$/;

/** `cmd/<type>/<id>` below the address; null for anything else, also for names to which no answer could be addressed. */
export function parseCommandTopic(address: Address, topic: string): CommandAddress | null {
  const prefix = topicOf(address, 'cmd/');
  if (!topic.startsWith(prefix)) return null;
  const [type = '', id = '', ...deeper] = topic.slice(prefix.length).split('/');
  if (deeper.length > 0 || !commandLevel.test(type) || !commandLevel.test(id)) return null;
  return { type, id };
}

/** The JSON of a payload. Throws where it is not what its schema says: a bug of the caller. */
export function encodeJson(name: string, schema: z.ZodType, payload: unknown): Uint8Array {
  const parsed = schema.safeParse(payload);
  if (!parsed.success)
    throw new WhetError('internal', `the payload of '${name}' is not what its schema says: ${z.prettifyError(parsed.error)}`);
  return Buffer.from(JSON.stringify(parsed.data));
}
