// The kind `v4l2`: a USB camera, or anything else that Linux shows as /dev/video…, through ffmpeg.
import { constants } from 'node:fs';
import { z } from 'zod';
import { may, pathKind } from '../../config/look-at-path.ts';
import { degraded, type Finding } from '../../config/problem.ts';
import { whoHolds } from '../device-holder.ts';
import { burstMs, createCameraProgram } from '../frame-source.ts';
import { sourceBudget, sourceKind, sourceName } from '../source-kind.ts';
import { checkProgram, framesPerSecond, pictureSize, quietFfmpeg, stallSeconds } from './command.ts';

const schema = z.strictObject({
  name: sourceName,
  kind: z.literal('v4l2').describe('A USB camera, or another that Linux shows as /dev/video…'),
  device: z
    .string()
    .regex(/^\/dev\/[A-Za-z0-9_][A-Za-z0-9_./:+-]{0,250}$/, 'is not the path of a device')
    .default('/dev/video0')
    .describe('Its device. Numbers change when cameras are plugged in; the names in /dev/v4l/by-id stay.'),
  format: z
    .enum(['mjpeg', 'raw'])
    .default('mjpeg')
    .describe('What the camera is asked for: mjpeg is passed on as it is; raw, for cameras without it, is encoded here.'),
  ...pictureSize,
  framesPerSecond,
  stallSeconds: stallSeconds.describe('The camera is opened again when no frame comes for this long.'),
  budget: sourceBudget,
});

export const v4l2 = sourceKind({
  kind: 'v4l2',
  schema,
  gives: ['image'],
  paths: [],
  burstMs: () => burstMs,
  async check({ device }, { searchPath }) {
    return [...(await checkProgram('ffmpeg', ['kind'], searchPath)), ...(await checkDevice(device))];
  },
  create({ stallSeconds: seconds, ...settings }) {
    return createCameraProgram({
      ...settings,
      command: async () => v4l2Command(settings),
      stallMs: seconds * 1000,
      explain: (reason) => whoHolds(settings.device, reason),
    });
  },
});

function v4l2Command({
  device,
  format,
  width,
  height,
  framesPerSecond: rate,
}: Pick<z.output<typeof schema>, 'device' | 'format' | 'width' | 'height' | 'framesPerSecond'>): readonly string[] {
  const wanted = format === 'mjpeg' ? ['-input_format', 'mjpeg'] : [];
  const given = format === 'mjpeg' ? ['-c:v', 'copy'] : ['-vf', `fps=${rate}`, '-q:v', '3'];
  return [...quietFfmpeg, '-f', 'v4l2', ...wanted, '-video_size', `${width}x${height}`, '-i', device, ...given, '-f', 'mjpeg', '-'];
}

/** A camera may be plugged in while the device runs. */
async function checkDevice(device: string): Promise<readonly Finding[]> {
  const finding = (message: string, remedy: string) => degraded([{ path: ['device'], value: device, message, remedy }]);
  if ((await pathKind(device)) === 'missing')
    return finding('there is no such device', 'Plug the camera in; `ls /dev/v4l/by-id /dev/video*` shows what is there.');
  if (await may(device, constants.R_OK | constants.W_OK)) return [];
  return finding('may not be opened', 'sudo usermod -aG video USER for the user that the daemon runs as, then start it again.');
}
