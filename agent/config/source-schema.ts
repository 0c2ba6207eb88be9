// The entries of `sources` in the configuration: one kind of source, one record.
import { z } from 'zod';
import { topicSafe } from './mqtt-schema.ts';

const name = z.string().regex(topicSafe).describe('Name of the source, once each: letters, digits, "_" and "-", at most 64.');

export const folderSourceSchema = z.strictObject({
  name,
  kind: z.literal('folder').describe('A folder: every new picture is a sample, a subfolder named like a class is its label.'),
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
  // YAML reads `--width, 640` as a number; what is meant is clear.
  command: z
    .array(z.union([z.string().max(4096), z.int()]).transform(String))
    .min(1)
    .max(200)
    .refine((command) => command[0] !== '', 'names no program')
    .refine((command) => command.every((part) => !part.includes('\0')), 'must not hold NUL characters')
    .describe('Program and arguments, an entry each, no shell: [rpicam-vid, -t, 0, --codec, mjpeg, -o, "-"].'),
  framesPerSecond: z.number().min(0.01).max(60).default(1).describe('Frames taken a second, 0.01 to 60; the others are dropped.'),
  stallSeconds: z.number().min(1).max(3600).default(10).describe('The program is started again when no frame comes for this long.'),
});

export const sourcesSchema = z
  .array(z.discriminatedUnion('kind', [folderSourceSchema, mjpegSourceSchema]))
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
export type SourceConfig = FolderSource | MjpegSource;
