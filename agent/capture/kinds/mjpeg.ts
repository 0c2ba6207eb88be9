// The kind `mjpeg`: a program that prints JPEG pictures, as rpicam-vid, ffmpeg and curl on an IP camera do.
import { z } from 'zod';
import { burstMs, createMjpegSource } from '../mjpeg-command.ts';
import { sourceBudget, sourceKind, sourceName } from '../source-kind.ts';
import { checkProgram, command, stallSeconds } from './command.ts';

export const mjpeg = sourceKind({
  kind: 'mjpeg',
  schema: z.strictObject({
    name: sourceName,
    kind: z.literal('mjpeg').describe('A program that prints JPEG frames one after the other.'),
    command: command.describe('Program and arguments, an entry each, no shell: [rpicam-vid, -t, 0, --codec, mjpeg, -o, "-"].'),
    framesPerSecond: z.number().min(0.01).max(60).default(1).describe('Frames taken a second, 0.01 to 60; the others are dropped.'),
    stallSeconds: stallSeconds.describe('The program is started again when no frame comes for this long.'),
    budget: sourceBudget,
  }),
  gives: ['image'],
  paths: [],
  burstMs: () => burstMs,
  check: (settings, { searchPath }) => checkProgram(settings.command[0]!, ['command', 0], searchPath),
  create({ name, command: words, framesPerSecond, stallSeconds: seconds, budget }) {
    return createMjpegSource({ name, command: words, framesPerSecond, stallMs: seconds * 1000, budget });
  },
});
