// The setting `sources`: entries of the kinds that there are, each with a name of its own.
import { z } from 'zod';
import { sourceSchema } from '../capture/kinds.ts';

export const sourcesSchema = z
  .array(sourceSchema)
  .max(64)
  .default([])
  .superRefine(
    (sources, context) => {
      for (const [index, source] of sources.entries()) {
        const earlier = sources.findIndex((other) => other?.name === source?.name);
        if (earlier === index || typeof source?.name !== 'string') continue;
        context.addIssue({ code: 'custom', path: [index, 'name'], message: `is also the name of sources[${earlier}]`, input: source.name });
      }
    },
    { when: ({ value }) => Array.isArray(value) },
  )
  .describe('Where captures come from.');

/** What captures that a person brought are said to come from: files, each apart from the others whatever its time. */
export const importSource = 'import';
