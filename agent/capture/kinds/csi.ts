// The kind `csi`: a camera at the CSI connector of a Jetson, through NVIDIA's elements of GStreamer.
import { z } from 'zod';
import { wholeNumber } from '../../config/json-schema.ts';
import { burstMs, createCameraProgram } from '../frame-source.ts';
import { sourceBudget, sourceKind, sourceName } from '../source-kind.ts';
import { checkProgram, framesPerSecond, pictureSize, stallSeconds } from './command.ts';

const schema = z.strictObject({
  name: sourceName,
  kind: z.literal('csi').describe('A camera at the CSI connector of a Jetson.'),
  sensor: wholeNumber(0, 15).default(0).describe('Which camera: the sensor-id of nvarguscamerasrc.'),
  ...pictureSize,
  framesPerSecond,
  stallSeconds: stallSeconds.describe('The camera is opened again when no frame comes for this long.'),
  budget: sourceBudget,
});

export const csi = sourceKind({
  kind: 'csi',
  schema,
  gives: ['image'],
  paths: [],
  burstMs: () => burstMs,
  check: (_settings, { searchPath }) => checkProgram('gst-launch-1.0', ['kind'], searchPath),
  create({ stallSeconds: seconds, ...settings }) {
    return createCameraProgram({ ...settings, command: async () => csiCommand(settings), stallMs: seconds * 1000 });
  },
});

/** Scaled and thinned out before it is encoded: the processor sees only pictures that are wanted. */
function csiCommand({
  sensor,
  width,
  height,
  framesPerSecond: rate,
}: Pick<z.output<typeof schema>, 'sensor' | 'width' | 'height' | 'framesPerSecond'>): readonly string[] {
  const pipeline = [
    `nvarguscamerasrc sensor-id=${sensor}`,
    'video/x-raw(memory:NVMM),format=NV12',
    'nvvidconv',
    `video/x-raw,format=I420,width=${width},height=${height}`,
    'videorate drop-only=true',
    `video/x-raw,framerate=${Math.round(rate * 100)}/100`,
    'jpegenc quality=90',
    'fdsink fd=1',
  ];
  return ['gst-launch-1.0', '-q', ...pipeline.join(' ! ').split(' ')];
}
