// What sources that listen to a program have in common in the configuration: the command, the time after which it stalls, and whether the program
// is there.
import { constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { wholeNumber } from '../../config/json-schema.ts';
import { may, pathKind } from '../../config/look-at-path.ts';
import { isOpenToAll } from '../../config/password-file.ts';
import { degraded, type Finding } from '../../config/problem.ts';

// YAML reads `--width, 640` as a number; what is meant is clear.
export const command = z
  .array(z.union([z.string().max(4096), z.int()]).transform(String))
  .min(1)
  .max(200)
  .refine((words) => words[0] !== '', 'names no program')
  .refine((words) => words.every((part) => !part.includes('\0')), 'must not hold NUL characters');

/** Of cameras. */
export const framesPerSecond = z
  .number()
  .min(0.01)
  .max(60)
  .default(1)
  .describe('Frames taken a second, 0.01 to 60; the others are dropped.');
/** Models are smaller still; a larger picture is what a person sees when asked. */
export const pictureSize = {
  width: wholeNumber(32, 8192).default(640).describe('Width of the pictures in pixels.'),
  height: wholeNumber(32, 8192).default(480).describe('Height of the pictures in pixels.'),
};

export const quietFfmpeg = ['ffmpeg', '-nostdin', '-hide_banner', '-loglevel', 'error'] as const;

/** The address of a camera; who may see it stands elsewhere, so that it can be shown. */
export const cameraAddress = (schemes: readonly string[]) =>
  z
    .string()
    .max(2048)
    .refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol), `is not an address that begins with ${schemes[0]}//`)
    .refine((text) => !URL.canParse(text) || new URL(text).username + new URL(text).password === '', 'holds a user or a password');

export const login = {
  username: z.string().min(1).max(256).optional().describe('User at the camera.'),
  passwordFile: z
    .string()
    .min(1)
    .optional()
    .describe('File whose first line is the password; make it readable for the daemon alone (chmod 600).'),
};

export async function checkPasswordFile({
  username,
  passwordFile,
}: {
  readonly username?: string | undefined;
  readonly passwordFile?: string | undefined;
}): Promise<readonly Finding[]> {
  if (passwordFile === undefined) return [];
  const finding = (message: string, remedy: string): Finding => ({ path: ['passwordFile'], value: passwordFile, message, remedy });
  if (username === undefined) return [finding('is of no use without a user', 'Add username.')];
  if (!(await may(passwordFile, constants.R_OK)))
    return degraded([finding('cannot be read', 'Paths are relative to the configuration file. Check the name and who may read it.')]);
  if (await isOpenToAll(passwordFile)) return degraded([finding('can be read by every user of this machine', `chmod 600 ${passwordFile}`)]);
  return [];
}

export const stallSeconds = z.number().min(1).max(3600).default(10);

/** The first of these programs that is there and may be run. */
export async function findProgram(programs: readonly string[], searchPath: string): Promise<string | null> {
  for (const program of programs) {
    const places = program.includes('/') ? [program] : searchPath.split(delimiter).map((folder) => join(folder, program));
    for (const place of places) if ((await pathKind(place)) === 'file' && (await may(place, constants.X_OK))) return program;
  }
  return null;
}

/** A program may be installed while the device runs: it is tried again. */
export async function checkProgram(program: string, path: Finding['path'], searchPath: string): Promise<readonly Finding[]> {
  if ((await findProgram([program], searchPath)) !== null) return [];
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
