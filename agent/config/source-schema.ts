// The entries of `sources` in the configuration: one kind of source, one record.
import { z } from 'zod';
import { wholeNumber } from './json-schema.ts';
import { topicSafe } from './mqtt-schema.ts';

const name = z.string().regex(topicSafe).describe('Name of the source, once each: letters, digits, "_" and "-", at most 64.');

// YAML reads `--width, 640` as a number; what is meant is clear.
const command = z
  .array(z.union([z.string().max(4096), z.int()]).transform(String))
  .min(1)
  .max(200)
  .refine((words) => words[0] !== '', 'names no program')
  .refine((words) => words.every((part) => !part.includes('\0')), 'must not hold NUL characters');
const stallSeconds = z.number().min(1).max(3600).default(10);

export const folderSourceSchema = z.strictObject({
  name,
  kind: z.literal('folder').describe('A folder: every new picture or recording is a sample, a subfolder named like a class is its label.'),
  path: z.string().min(1).describe('The folder to watch.'),
  rescanSeconds: z
    .number()
    .min(1)
    .max(86_400)
    .default(30)
    .describe('The folder is read again this often: network shares do not announce changes.'),
});

export const mjpegSourceSchema = z.strictObject({
  name,
  kind: z.literal('mjpeg').describe('A program that prints JPEG frames one after the other.'),
  command: command.describe('Program and arguments, an entry each, no shell: [rpicam-vid, -t, 0, --codec, mjpeg, -o, "-"].'),
  framesPerSecond: z.number().min(0.01).max(60).default(1).describe('Frames taken a second, 0.01 to 60; the others are dropped.'),
  stallSeconds: stallSeconds.describe('The program is started again when no frame comes for this long.'),
});

export const microphoneSourceSchema = z.strictObject({
  name,
  kind: z.literal('microphone').describe('A microphone: every utterance is a sample.'),
  device: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_:=,.-]{0,199}$/, 'is not the name of an ALSA device')
    .default('default')
    .describe('ALSA device, as `arecord -L` lists it: plughw:CARD=Device converts rates, hw:CARD=Device gives what it has.'),
  command: command
    .optional()
    .describe(
      'A program to listen to instead of arecord, an entry each, no shell; it prints raw signed 16-bit little-endian mono sound at sampleRate.',
    ),
  sampleRate: wholeNumber(4000, 192_000).default(16_000).describe('Samples a second that are recorded; the model gets its own rate.'),
  stallSeconds: stallSeconds.describe('The program is started again when no sound, not even silence, comes for this long.'),
});

export const sensorSourceSchema = z.strictObject({
  name,
  kind: z.literal('sensor').describe('A program that prints readings of a sensor, a JSON object a line: every window of them is a sample.'),
  command: command.describe('Program and arguments, an entry each, no shell; keys are the channel names of the model card.'),
  everySeconds: z
    .number()
    .min(0.01)
    .max(86_400)
    .optional()
    .describe('From one window to the next; the length of the window unless told, so that they touch. Shorter: they overlap.'),
  time: z
    .enum(['own', 'arrival'])
    .default('own')
    .describe('own: each line carries its time, as the model card says; arrival: lines have none, and it is when they come.'),
  stallSeconds: stallSeconds.describe('The program is started again when no reading comes for this long.'),
});

export const sourcesSchema = z
  .array(z.discriminatedUnion('kind', [folderSourceSchema, mjpegSourceSchema, microphoneSourceSchema, sensorSourceSchema]))
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

export type FolderSource = z.output<typeof folderSourceSchema>;
export type MjpegSource = z.output<typeof mjpegSourceSchema>;
export type MicrophoneSource = z.output<typeof microphoneSourceSchema>;
export type SensorSource = z.output<typeof sensorSourceSchema>;
export type SourceConfig = FolderSource | MjpegSource | MicrophoneSource | SensorSource;

/** Program and arguments that a microphone is heard through. */
export function microphoneCommand({ command, device, sampleRate }: MicrophoneSource): readonly string[] {
  return command ?? ['arecord', '-q', '-D', device, '-t', 'raw', '-f', 'S16_LE', '-r', String(sampleRate), '-c', '1'];
}
