// The contract of the control socket: method → schema of its arguments. Server and client both read it; hostile input stops here.
import { z } from 'zod';

const sample = z.string().min(1).max(64);
const className = z.string().min(1).max(200);

export const forgetSelectorSchema = z
  .strictObject({
    samples: z.array(sample).max(100_000).optional(),
    label: className.optional(),
    source: z.string().min(1).max(200).optional(),
    beforeMs: z.number().int().optional(),
    afterMs: z.number().int().optional(),
    all: z.literal(true).optional(),
  })
  .refine((selector) => Object.values(selector).some((value) => value !== undefined), {
    message: 'say which samples: ids, a label, a source, a time, or all',
  });

export const methods = {
  status: z.strictObject({}),
  questions: z.strictObject({ limit: z.number().int().min(1).max(10_000) }),
  label: z.strictObject({
    label: className.nullable(),
    samples: z.array(sample).min(1).max(10_000),
    by: z.enum(['cli', 'socket', 'mqtt', 'dashboard']),
  }),
  train: z.strictObject({ reason: z.string().max(500) }),
  releases: z.strictObject({}),
  rollback: z.strictObject({ version: z.string().max(100).optional() }),
  forget: z.strictObject({ selector: forgetSelectorSchema }),
  pause: z.strictObject({ paused: z.boolean() }),
} as const;

export type Method = keyof typeof methods;
export type Arguments<M extends Method> = z.infer<(typeof methods)[M]>;

/** One line of an answer: progress while it works, then exactly one result or error. */
export type AnswerLine =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number | null; readonly what: string }
  | { readonly kind: 'result'; readonly value: unknown }
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly hint: string | null };
