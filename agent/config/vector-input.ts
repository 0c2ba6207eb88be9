// The part of a model card for models that take a plain vector, [n, values]: a row of a table, an embedding, features made elsewhere.
import { z } from 'zod';
import { wholeNumber } from './json-schema.ts';

const everyTime = { when: () => true };

export const vectorInputSchema = z
  .strictObject({
    kind: z.literal('vector'),
    values: wholeNumber(1, 100_000).describe('Numbers in one capture: a line of CSV, or a JSON list; the tensor is [1, values].'),
    mean: z.array(z.number()).max(100_000).default([]).describe('Subtracted; one number, or one a value; [] is 0.'),
    std: z
      .array(z.number().gt(0))
      .max(100_000)
      .default([])
      .describe('Divisor after the mean; positive; one number, or one a value; [] is 1.'),
  })
  .superRefine((input: Partial<{ values: number; mean: number[]; std: number[] }>, context) => {
    for (const key of ['mean', 'std'] as const) {
      const given = input[key];
      if (typeof input.values !== 'number' || !Array.isArray(given) || [0, 1, input.values].includes(given.length)) continue;
      context.addIssue({ code: 'custom', path: [key], message: `must have no, one or ${input.values} numbers`, input: given });
    }
  }, everyTime);

export type VectorInput = z.output<typeof vectorInputSchema>;
