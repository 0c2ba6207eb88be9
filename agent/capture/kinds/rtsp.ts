// The kind `rtsp`: an IP camera, through ffmpeg. User and password go to it by its standard input, not on its command line, which everybody on the
// machine can read.
import { z } from 'zod';
import { readPassword } from '../../config/password-file.ts';
import { burstMs, createCameraProgram } from '../frame-source.ts';
import { sourceBudget, sourceKind, sourceName } from '../source-kind.ts';
import { cameraAddress, checkPasswordFile, checkProgram, framesPerSecond, login, quietFfmpeg, stallSeconds } from './command.ts';

const schema = z.strictObject({
  name: sourceName,
  kind: z.literal('rtsp').describe('An IP camera that speaks RTSP.'),
  url: cameraAddress(['rtsp:', 'rtsps:']).describe('Its address, rtsp://…, without user and password.'),
  ...login,
  transport: z.enum(['tcp', 'udp']).default('tcp').describe('tcp loses nothing; udp where a camera has only that.'),
  framesPerSecond,
  stallSeconds: stallSeconds.default(20).describe('It is connected again when no frame comes for this long.'),
  budget: sourceBudget,
});

export const rtsp = sourceKind({
  kind: 'rtsp',
  schema,
  gives: ['image'],
  paths: ['passwordFile'],
  burstMs: () => burstMs,
  async check(settings, { searchPath }) {
    return [...(await checkProgram('ffmpeg', ['kind'], searchPath)), ...(await checkPasswordFile(settings))];
  },
  create({ url, username, passwordFile, transport, stallSeconds: seconds, ...settings }) {
    return createCameraProgram({
      ...settings,
      command: async () => rtspCommand(settings.framesPerSecond),
      input: async () => playlist(withLogin(url, username, passwordFile), transport),
      stallMs: seconds * 1000,
    });
  },
});

/** What it plays stands in a list that it reads from its standard input. */
function rtspCommand(rate: number): readonly string[] {
  const protocols = 'pipe,fd,rtsp,rtsps,rtp,udp,tcp,tls,crypto';
  return [
    ...quietFfmpeg.filter((word) => word !== '-nostdin'),
    ...['-f', 'concat', '-safe', '0', '-protocol_whitelist', protocols, '-i', 'pipe:0'],
    ...['-an', '-vf', `fps=${rate}`, '-q:v', '3', '-f', 'mjpeg', 'pipe:1'],
  ];
}

function playlist(url: string, transport: string): string {
  return `ffconcat version 1.0\nfile '${url.replaceAll("'", "'\\''")}'\noption rtsp_transport ${transport}\n`;
}

/** As a parser writes it: nothing in it ends the line of the list that it stands in. */
function withLogin(url: string, username: string | undefined, passwordFile: string | undefined): string {
  const address = new URL(url);
  if (username === undefined) return address.href;
  address.username = encodeURIComponent(username);
  address.password = encodeURIComponent(passwordFile === undefined ? '' : readPassword(passwordFile));
  return address.href;
}
