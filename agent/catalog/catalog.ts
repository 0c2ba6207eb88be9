// The public quantized models that `whet models pull` knows: name → address below an origin, size, sha256, how a picture becomes its input.
// Reads models/catalog.json; gives validated records; refuses (`usage`) a name that is not in it, with the nearest one.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { imageInputSchema } from '../config/card.ts';
import { nearestName } from '../config/nearest-name.ts';
import { WhetError } from '../errors.ts';
import { shippedFile } from '../installation.ts';

const modelSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,99}$/),
  form: z.enum(['fp32', 'QDQ', 'QOperator']),
  licence: z.string().min(1).max(100),
  bytes: z
    .int()
    .min(1)
    .max(1024 ** 3),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Below an origin; its last part is the name of the file in a mirror. */
  path: z.string().regex(/^[\w.-]+(\/[\w.-]+)*\.onnx$/),
  /** null: who made the model does not say how a picture becomes its input. */
  input: imageInputSchema.nullable(),
});

const catalogSchema = z.strictObject({
  description: z.string(),
  /** Where the paths begin, in the order in which they are tried; each ends in a slash. */
  origins: z.array(z.url({ protocol: /^https$/ }).regex(/\/$/)).min(1),
  models: z.array(modelSchema).min(1),
});

export type CatalogModel = z.output<typeof modelSchema>;
export type Catalog = z.output<typeof catalogSchema>;

export const shippedCatalog = shippedFile('models/catalog.json');

export function readCatalog(file: string | URL): Catalog {
  return catalogSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}

export function modelNamed(catalog: Catalog, name: string): CatalogModel {
  const found = catalog.models.find((model) => model.name === name);
  if (found !== undefined) return found;
  const near = nearestName(
    name,
    catalog.models.map((model) => model.name),
  );
  throw new WhetError('usage', `no model of the catalog is called '${name.slice(0, 100)}'`, {
    hint: near === null ? '`whet models pull` lists them.' : `Did you mean ${near}? \`whet models pull\` lists them.`,
  });
}
