// Schemas as JSON Schema, for editors and for messages; and whole numbers that keep the other checks of a record going.
import { z } from 'zod';

/** A whole number within limits. zod's own `int` ends all further checks of the record around it, and so hides other problems. */
export function wholeNumber(least: number, most: number): z.ZodNumber {
  return z.number().multipleOf(1).min(least).max(most);
}

/** What may be written; JSON Schema 2020-12. */
export function jsonSchemaOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(schema, {
    io: 'input',
    override({ jsonSchema }) {
      if (jsonSchema.multipleOf !== 1) return;
      jsonSchema.type = 'integer';
      delete jsonSchema.multipleOf;
    },
  });
}
