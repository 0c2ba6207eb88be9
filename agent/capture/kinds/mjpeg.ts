// The kind `mjpeg`: a program that prints JPEG pictures, as rpicam-vid, ffmpeg and curl on an IP camera do.
import { z } from 'zod';
import { burstMs, createCameraProgram } from '../frame-source.ts';
import { sourceBudget, sourceKind, sourceName } from '../source-kind.ts';
import { checkProgram, command, framesPerSecond, stallSeconds } from './command.ts';

export const mjpeg = sourceKind({
  kind: 'mjpeg',
  schema: z.strictObject({
    name: sourceName,
    kind: z.literal('mjpeg').describe('A program that prints JPEG frames one after the other.'),
    command: command.describe('Program and arguments, an entry each, no shell: [rpicam-vid, -t, 0, --codec, mjpeg, -o, "-"].'),
    framesPerSecond,
    stallSeconds: stallSeconds.describe('The program is started again when no frame comes for this long.'),
    budget: sourceBudget,
  }),
  gives: ['image'],
  paths: [],
  burstMs: () => burstMs,
  check: (settings, { searchPath }) => checkProgram(settings.command[0]!, ['command', 0], searchPath),
  create({ command: words, stallSeconds: seconds, ...settings }) {
    return createCameraProgram({ ...settings, command: async () => words, stallMs: seconds * 1000 });
  },
});
