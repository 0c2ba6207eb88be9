import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { exampleCard } from '../../agent/config/card.ts';
import { publishedSchemas } from '../../agent/config/published.ts';

const folder = new URL('../../agent/config/', import.meta.url);
const read = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));

describe('the published JSON Schemas', () => {
  test.each(Object.entries(publishedSchemas()))(
    '%s is what the code says (else: scripts/node scripts/generate-schemas.mjs)',
    (name, schema) => {
      expect(read(name)).toEqual(schema);
    },
  );

  test('a validator of another make takes what is right and refuses what is wrong', () => {
    const ajv = new Ajv2020({ strict: false });
    const card = ajv.compile(read('model-card.schema.json'));
    expect(card(JSON.parse(exampleCard('m.onnx')))).toBe(true);
    expect(card({ name: 'x', input: { kind: 'image', width: 0, height: 2, layout: 'nchw' } })).toBe(false);
    const config = ajv.compile(read('whetstone.schema.json'));
    expect(config({ model: 'm', sources: [{ name: 'a', kind: 'mjpeg', command: ['x', 0] }], mqtt: null })).toBe(true);
    expect(config({ model: 'm', modle: 'n' })).toBe(false);
  });

  test('every setting has a sentence for editors', () => {
    const bare: string[] = [];
    const visit = (schema: Record<string, unknown>, path: string) => {
      for (const [key, value] of Object.entries((schema.properties ?? {}) as Record<string, Record<string, unknown>>)) {
        if (value.description === undefined && value.const === undefined) bare.push(`${path}.${key}`);
        visit(value, `${path}.${key}`);
      }
      const inner = [schema.items, ...((schema.anyOf ?? schema.oneOf ?? []) as unknown[])];
      for (const child of inner) if (child !== undefined) visit(child as Record<string, unknown>, path);
    };
    for (const [name, schema] of Object.entries(publishedSchemas())) visit(schema as Record<string, unknown>, name);
    expect(bare).toEqual([]);
  });
});
