import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { asyncApiDocument } from '../../agent/contract/asyncapi.ts';
import { operations } from '../../agent/operations/table.ts';

const document = asyncApiDocument(operations) as {
  readonly channels: Record<string, { readonly address: string; readonly messages: Record<string, { readonly payload: object }> }>;
  readonly operations: Record<string, unknown>;
};
const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json');

function validator() {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false });
  return ajv.compile(schema);
}

describe('the AsyncAPI document', () => {
  it('is valid AsyncAPI 3', () => {
    const validate = validator();
    expect(validate(document), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
    expect(validate({ ...document, operations: { broken: { action: 'shout', channel: {} } } })).toBe(false);
  });

  it('is what the generator writes', () => {
    const file = readFileSync(new URL('../../agent/contract/asyncapi.json', import.meta.url), 'utf8');
    expect(JSON.parse(file), 'run scripts/generate-asyncapi.mjs').toEqual(JSON.parse(JSON.stringify(document)));
  });

  it('has a channel for each topic, command and result', () => {
    const addresses = Object.values(document.channels).map((channel) => channel.address);
    expect(addresses).toContain('{root}/{device}/model/{version}/{chunk}');
    expect(addresses).toContain('{root}/{device}/cmd/forget/{id}');
    expect(addresses).toContain('{root}/{device}/result/forget/{id}');
    expect(Object.keys(document.operations)).toHaveLength(9 + Object.keys(operations).length);
  });

  it('has payload schemas that another validator can use', () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const schemaOf = (channel: string, message: string) => document.channels[channel]?.messages[message]?.payload ?? {};
    const prediction = ajv.compile(schemaOf('prediction', 'prediction'));
    const good = { timeMs: 1, source: 'door', sample: null, kind: 'classes', label: 'cat', confidence: 0.5, release: 'base', latencyMs: 3 };
    expect(prediction(good)).toBe(true);
    expect(prediction({ ...good, confidence: 2 })).toBe(false);
    const result = ajv.compile(schemaOf('result-pause', 'result'));
    expect(result({ timeMs: 1, ok: true, paused: true })).toBe(true);
    expect(result({ timeMs: 1, ok: false, error: { code: 'malformed', message: 'x' } })).toBe(true);
    expect(result({ timeMs: 1, ok: true })).toBe(false);
  });
});
