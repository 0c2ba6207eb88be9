// The kind `rpicam`: the camera of a Raspberry Pi, through rpicam-vid or, before bookworm, libcamera-vid.
import { z } from 'zod';
import { wholeNumber } from '../../config/json-schema.ts';
import { burstMs, createCameraProgram } from '../frame-source.ts';
import { sourceBudget, sourceKind, sourceName } from '../source-kind.ts';
import { checkProgram, findProgram, framesPerSecond, pictureSize, stallSeconds } from './command.ts';

const programs = ['rpicam-vid', 'libcamera-vid'] as const;

const schema = z.strictObject({
  name: sourceName,
  kind: z.literal('rpicam').describe('The camera of a Raspberry Pi.'),
  camera: wholeNumber(0, 15).default(0).describe('Which camera, as `rpicam-hello --list-cameras` numbers them.'),
  ...pictureSize,
  framesPerSecond,
  stallSeconds: stallSeconds.describe('The camera is opened again when no frame comes for this long.'),
  budget: sourceBudget,
});

export const rpicam = sourceKind({
  kind: 'rpicam',
  schema,
  gives: ['image'],
  paths: [],
  burstMs: () => burstMs,
  async check(_settings, { searchPath }) {
    const found = await findProgram(programs, searchPath);
    return found === null ? checkProgram(programs[0], ['kind'], searchPath) : [];
  },
  create({ stallSeconds: seconds, ...settings }) {
    const command = async () => rpicamCommand(settings, (await findProgram(programs, process.env.PATH ?? '')) ?? programs[0]);
    return createCameraProgram({ ...settings, command, stallMs: seconds * 1000 });
  },
});

/** The camera runs at two frames a second at least: it sets exposure and white balance by what it sees. */
function rpicamCommand(
  { camera, width, height, framesPerSecond: rate }: Pick<z.output<typeof schema>, 'camera' | 'width' | 'height' | 'framesPerSecond'>,
  program: string,
): readonly string[] {
  const options = { camera, width, height, framerate: Math.max(2, Math.ceil(rate)), codec: 'mjpeg', timeout: 0, output: '-' };
  return [program, '--nopreview', ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])];
}
