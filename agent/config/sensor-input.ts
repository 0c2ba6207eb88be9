// The part of a model card that says how sensor readings become a window: channels in order, rate, length, and where the time stands.
import { z } from 'zod';
import { wholeNumber } from './json-schema.ts';

const everyTime = { when: () => true };

export const sensorInputSchema = z
  .strictObject({
    kind: z.literal('sensor'),
    channels: z
      .array(
        z.strictObject({
          name: z.string().min(1).max(100).describe('Name of the column, or of the key in JSON lines: "ax".'),
          unit: z.string().max(40).default('').describe('Unit of the numbers, for people: "g", "deg/s", "hPa".'),
        }),
      )
      .min(1)
      .max(256)
      .describe('The channels of the tensor, in order.'),
    sampleRate: z.number().min(0.001).max(100_000).describe('Samples a second that the model was made for; readings are resampled to it.'),
    samples: wholeNumber(2, 1_000_000).describe('Length of the window in samples; the tensor is [1, channels, samples].'),
    time: z
      .strictObject({
        column: z.string().min(1).max(100).default('t').describe('Name of the column (or key) with the time of each reading.'),
        unit: z
          .enum(['s', 'ms', 'us'])
          .default('s')
          .describe('Unit of the time: seconds, milliseconds or microseconds, since whenever it likes.'),
      })
      .nullable()
      .prefault({})
      .describe('Where the time of a reading stands; null where readings have none and come at sampleRate exactly.'),
    mean: z.array(z.number()).max(256).default([]).describe('Subtracted; one number, or one a channel; [] is 0.'),
    std: z
      .array(z.number().gt(0))
      .max(256)
      .default([])
      .describe('Divisor after the mean; positive; one number, or one a channel; [] is 1.'),
  })
  .superRefine((input: Partial<{ channels: readonly { readonly name: string }[]; mean: number[]; std: number[] }>, context) => {
    const channels = Array.isArray(input.channels) ? input.channels : [];
    for (const [index, channel] of channels.entries()) {
      const earlier = channels.findIndex((other) => other?.name === channel?.name);
      if (earlier === index || typeof channel?.name !== 'string') continue;
      context.addIssue({
        code: 'custom',
        path: ['channels', index, 'name'],
        message: `is also the name of channel ${earlier}`,
        input: channel.name,
      });
    }
    for (const key of ['mean', 'std'] as const) {
      const given = input[key];
      if (channels.length === 0 || !Array.isArray(given) || [0, 1, channels.length].includes(given.length)) continue;
      context.addIssue({ code: 'custom', path: [key], message: `must have no, one or ${channels.length} numbers`, input: given });
    }
  }, everyTime);

export type SensorInput = z.output<typeof sensorInputSchema>;
