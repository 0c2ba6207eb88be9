// The JSON Schemas that editors and other programs read, made from the code's own schemas. `scripts/generate-schemas.mjs` writes them
// beside this file; a test holds the files against this.
import type { z } from 'zod';
import { cardSchema } from './card.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { configSchema } from './schema.ts';

/** File name in this folder → JSON Schema. */
export function publishedSchemas(): Readonly<Record<string, unknown>> {
  const published = (schema: z.ZodType, title: string) => ({ title, ...jsonSchemaOf(schema) });
  return {
    'model-card.schema.json': published(cardSchema, 'Whetstone model card'),
    'whetstone.schema.json': published(configSchema, 'Whetstone configuration'),
  };
}
