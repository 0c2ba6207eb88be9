// The topic contract as an AsyncAPI 3 document, generated from the registries of topics and commands. Pure: registries in, plain JSON out.
import { z } from 'zod';
import { type CommandSpec, type CommandTable, commandErrors, failureSchema } from './command-contract.ts';
import { timeMs } from './payloads.ts';
import { maxMessageBytes, maxTopicLevels, type TopicSpec, topics } from './topics.ts';

type Json = Readonly<Record<string, unknown>>;

const parameters: Readonly<Record<string, Json>> = {
  root: { description: 'First level or levels, configurable', default: 'whetstone' },
  device: { description: 'Name of the device: letters, digits, "_", "-", "."; at most 64' },
  version: { description: 'Version of the release' },
  chunk: { description: 'Number of the chunk, from 0' },
  id: { description: 'Chosen by the sender, unique a command: letters, digits, "_", "-", ".", ":"; at most 64' },
};

/** Operations are from the device's point of view: it sends reports and receives commands. */
export function asyncApiDocument(commands: CommandTable): Json {
  const channels: Record<string, Json> = {};
  const operations: Record<string, Json> = {};
  for (const [name, spec] of Object.entries(topics) as readonly [string, TopicSpec][]) {
    channels[name] = channel(spec.topic, spec.summary, { [name]: message(spec) });
    operations[`send-${name}`] = operation('send', name, spec.summary, spec.qos, spec.retained);
  }
  for (const [type, spec] of Object.entries(commands)) {
    const { summary } = spec;
    channels[`cmd-${type}`] = channel(`cmd/${type}/{id}`, summary, { command: jsonMessage(summary, spec.arguments) });
    channels[`result-${type}`] = channel(`result/${type}/{id}`, `Answer to ${type}, at least once a command`, {
      result: jsonMessage(`What ${type} did, or why not`, resultSchema(spec)),
    });
    operations[`receive-${type}`] = {
      ...operation('receive', `cmd-${type}`, summary, 1, false),
      reply: { channel: { $ref: `#/channels/result-${type}` }, messages: [{ $ref: `#/channels/result-${type}/messages/result` }] },
    };
  }
  return {
    asyncapi: '3.0.0',
    info: { title: 'Whetstone device', version: '1.0.0', description: description(), license: { name: 'Apache-2.0' } },
    defaultContentType: 'application/json',
    channels,
    operations,
  };
}

function description(): string {
  const codes = Object.entries(commandErrors).map(([code, means]) => `- \`${code}\`: ${means}`);
  return [
    `What a Whetstone device says and takes over MQTT 5 (or 3.1.1). Topics have at most ${maxTopicLevels} levels, messages at most ${maxMessageBytes} bytes.`,
    'Every command is run once and answered at least once, always with the same bytes, under the id its sender chose; a repeated id is not run again. A device takes only the commands that its configuration names. Error codes of answers:',
    ...codes,
    'Others are those of the error registry of the agent.',
  ].join('\n');
}

function channel(topic: string, summary: string, messages: Json): Json {
  const address = `{root}/{device}/${topic}`;
  const names = [...address.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
  return { address, summary, parameters: Object.fromEntries(names.map((name) => [name, parameters[name]])), messages };
}

function operation(action: 'send' | 'receive', name: string, summary: string, qos: 0 | 1, retain: boolean): Json {
  return { action, channel: { $ref: `#/channels/${name}` }, summary, bindings: { mqtt: { qos, retain } } };
}

function message({ content, summary }: TopicSpec): Json {
  if (content.kind === 'json') return jsonMessage(summary, content.schema);
  if (content.kind === 'text') return { summary, contentType: 'text/plain', payload: schemaOf(content.schema) };
  return { summary, contentType: 'application/octet-stream', payload: { type: 'string', format: 'binary', maxLength: content.maxBytes } };
}

function jsonMessage(summary: string, schema: z.ZodType): Json {
  return { summary, contentType: 'application/json', payload: schemaOf(schema) };
}

function resultSchema({ result }: CommandSpec): z.ZodType {
  return z.union([z.object({ timeMs, ok: z.literal(true), ...result.shape }), failureSchema.extend({ timeMs })]);
}

/** AsyncAPI's own schemas are a superset of JSON Schema draft 7. */
function schemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
  return rest;
}
