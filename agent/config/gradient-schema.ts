// How gradient steps train several layers: the section `training.gradient` of the configuration, and `--training key=value` of the commands.
import { z } from 'zod';
import { WhetError } from '../errors.ts';
import { wholeNumber } from './json-schema.ts';

export const gradientSchema = z
  .strictObject({
    epochs: wholeNumber(1, 10_000)
      .nullable()
      .default(null)
      .describe('Passes over the samples at most, held-out samples end it earlier; null: what the number of samples asks for.'),
    rate: z.number().gt(0).max(1).nullable().default(null).describe('Highest learning rate; null: what the depth asks for.'),
    schedule: z
      .enum(['cosine', 'step', 'constant'])
      .default('cosine')
      .describe('How the rate falls: along a cosine to zero, to a tenth after half and to a hundredth after three quarters, or not.'),
    warmUp: z.number().min(0).max(1).default(0.05).describe('Share of all steps in which the rate rises from zero, 0 to 1.'),
    decay: z.number().min(0).max(1).default(0).describe('Weight decay (AdamW), 0: none.'),
    smoothing: z.number().min(0).max(0.9).default(0).describe('Share of a label that is spread over all classes, 0: none.'),
    mixup: z.number().min(0).max(10).default(0).describe('Samples are mixed in pairs, with shares from Beta(mixup, mixup); 0: not.'),
    clip: z.number().min(0).max(1e6).default(0).describe('Largest norm of all gradients of a step together; 0: no limit.'),
    freeze: z
      .array(wholeNumber(1, 1000))
      .max(1000)
      .default([])
      .describe('Layers among the trained ones that stay as they are, counted from the output: 1 is the last layer.'),
    updateMegabytes: z
      .number()
      .gt(0)
      .max(1_000_000)
      .nullable()
      .default(null)
      .describe('Memory for weights, gradients and optimizer: only the layers that contribute most for their size are trained. null: all.'),
    memoryMegabytes: z
      .number()
      .gt(0)
      .max(1_000_000)
      .nullable()
      .default(null)
      .describe('Memory that training may take. Where its plan is larger, batches are smaller, or it is refused. null: what is free.'),
    quantization: z
      .enum(['aware', 'after'])
      .default('after')
      .describe('aware: training computes on the 8-bit grids of the model; after: it computes in float, and is written back to 8 bits.'),
    scales: z
      .enum(['recalibrated', 'fixed'])
      .default('recalibrated')
      .describe('Scales of activations that the model fixes: measured again on the samples, or as the base model has them.'),
  })
  .prefault({})
  .describe('How gradient steps train several layers. The defaults were measured.');

export type GradientSettings = z.output<typeof gradientSchema>;

export const gradientDefaults: GradientSettings = gradientSchema.parse({});

/** `['rate=0.001', 'freeze=[2]']` → settings. Throws `usage`, naming the first one that is wrong and what there is. */
export function parseGradientSettings(pairs: readonly string[]): GradientSettings {
  const entries = pairs.map((pair) => {
    const at = pair.indexOf('=');
    if (at <= 0) throw misuse(`'${pair}' is not of the form key=value`);
    const text = pair.slice(at + 1);
    return [pair.slice(0, at), parsed(text)] as const;
  });
  const written = Object.fromEntries(entries);
  const result = gradientSchema.safeParse(written, { reportInput: true });
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : issue?.path.join('.');
  if (issue?.code === 'unrecognized_keys') throw misuse(`${where}: there is no such setting`);
  const given = JSON.stringify(issue?.input);
  if (issue?.code === 'invalid_type')
    throw misuse(`${where}: ${given} is not a ${issue.expected === 'array' ? 'list, like [1,2]' : issue.expected}`);
  throw misuse(`${where}: ${given}: ${issue?.message}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function misuse(what: string): WhetError {
  return new WhetError('usage', `--training ${what}`, { hint: `It takes ${Object.keys(gradientDefaults).join(', ')}.` });
}
