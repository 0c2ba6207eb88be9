// The kind `http`: an IP camera, go2rtc, mediamtx, an ESP32-CAM: an address that gives a picture, or a stream of them.
import { z } from 'zod';
import { burstMs, createFrameSource } from '../frame-source.ts';
import { readPictures } from '../http-pictures.ts';
import { sourceBudget, sourceKind, sourceName } from '../source-kind.ts';
import { cameraAddress, checkPasswordFile, framesPerSecond, login, stallSeconds } from './command.ts';

const schema = z.strictObject({
  name: sourceName,
  kind: z.literal('http').describe('An address that gives a JPEG picture, or a stream of them (MJPEG): IP cameras, go2rtc, ESP32-CAM.'),
  url: cameraAddress(['http:', 'https:']).describe('Its address, http:// or https://, without user and password.'),
  ...login,
  framesPerSecond,
  stallSeconds: stallSeconds.describe('It is asked again when no picture comes for this long.'),
  budget: sourceBudget,
});

export const http = sourceKind({
  kind: 'http',
  schema,
  gives: ['image'],
  paths: ['passwordFile'],
  burstMs: () => burstMs,
  check: checkPasswordFile,
  create({ url, username, passwordFile, stallSeconds: seconds, ...settings }) {
    const intervalMs = 1000 / settings.framesPerSecond;
    return createFrameSource(settings, (frames, signal) =>
      readPictures({ url, username, passwordFile, intervalMs, stallMs: seconds * 1000 }, frames, signal),
    );
  },
});
