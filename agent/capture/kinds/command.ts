// What sources that listen to a program have in common in the configuration: the command, the time after which it stalls, and whether the program
// is there.
import { constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { may, pathKind } from '../../config/look-at-path.ts';
import type { Finding } from '../../config/problem.ts';

// YAML reads `--width, 640` as a number; what is meant is clear.
export const command = z
  .array(z.union([z.string().max(4096), z.int()]).transform(String))
  .min(1)
  .max(200)
  .refine((words) => words[0] !== '', 'names no program')
  .refine((words) => words.every((part) => !part.includes('\0')), 'must not hold NUL characters');

export const stallSeconds = z.number().min(1).max(3600).default(10);

/** A program may be installed while the device runs: it is tried again. */
export async function checkProgram(program: string, path: Finding['path'], searchPath: string): Promise<readonly Finding[]> {
  const places = program.includes('/') ? [program] : searchPath.split(delimiter).map((folder) => join(folder, program));
  for (const place of places) if ((await pathKind(place)) === 'file' && (await may(place, constants.X_OK))) return [];
  const where = program.includes('/') ? 'is not a program that may be run' : 'is not installed, or not on the PATH';
  const remedy = program.includes(' ')
    ? 'Write the program and each argument as an entry of its own.'
    : (packages[program] ?? 'Install it, or give its full path.');
  return [{ path, value: program, message: where, remedy, severity: 'degraded' }];
}

const packages: Readonly<Record<string, string>> = {
  'rpicam-vid': 'On Raspberry Pi OS: sudo apt install rpicam-apps-lite',
  'libcamera-vid': 'It is called rpicam-vid since Raspberry Pi OS bookworm.',
  arecord: 'On Debian and Raspberry Pi OS: sudo apt install alsa-utils',
  ffmpeg: 'On Debian and Raspberry Pi OS: sudo apt install ffmpeg',
  'gst-launch-1.0': 'On Debian and Jetson: sudo apt install gstreamer1.0-tools',
};
