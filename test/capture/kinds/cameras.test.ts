// What each kind of camera asks its program for, and that pictures come of it: with programs of those names that print a picture and write down how
// they were called, and with a real RTSP server where GStreamer has one.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { holdersOf, whoHolds } from '../../../agent/capture/device-holder.ts';
import { createSource, kindOf, sourceSchema } from '../../../agent/capture/kinds.ts';
import type { Source } from '../../../agent/capture/source.ts';
import { photograph } from '../../images.ts';
import { createRecorder } from '../recorder.ts';

const place = mkdtempSync(join(tmpdir(), 'whet-cameras-'));
const path = process.env.PATH;
let source: Source | null = null;

beforeAll(async () => writeFileSync(join(place, 'picture.jpg'), await photograph('disc', 1)));
afterEach(async () => {
  await source?.stop();
  source = null;
  process.env.PATH = path;
});
afterAll(() => rmSync(place, { recursive: true }));

/** A program of this name on the PATH, alone, that notes its arguments and prints a picture twice a second. */
function install(name: string): () => string {
  const folder = mkdtempSync(join(place, 'bin-'));
  const called = join(folder, 'called');
  const shell = `#!/bin/sh\nprintf '%s' "$*" > ${called}\nwhile :; do /bin/cat ${join(place, 'picture.jpg')}; /bin/sleep 0.05; done\n`;
  writeFileSync(join(folder, name), shell);
  chmodSync(join(folder, name), 0o755);
  process.env.PATH = folder;
  return () => readFileSync(called, 'utf8');
}

const read = (settings: object) => sourceSchema.parse({ name: 'door', ...settings });
const open = (settings: object) =>
  createSource(read(settings), {
    isClass: () => false,
    isKnown: () => false,
    captures: 'image',
    sensor: null,
    createSegmenter: () => ({ push: () => [], flush: () => [] }),
  });

async function pictureOf(settings: object) {
  const recorder = createRecorder();
  source = open(settings);
  await source.start(recorder.context);
  await recorder.until('a picture', () => recorder.captures.length > 0);
  expect(recorder.captures[0]).toMatchObject({ source: 'door', kind: 'image' });
  return recorder;
}

describe('a camera', () => {
  it.each([
    [
      'rpicam-vid',
      { kind: 'rpicam', camera: 1, framesPerSecond: 0.5 },
      '--nopreview --camera 1 --width 640 --height 480 --framerate 2 --codec mjpeg --timeout 0 --output -',
    ],
    [
      'libcamera-vid',
      { kind: 'rpicam', width: 320, height: 240, framesPerSecond: 5 },
      '--nopreview --camera 0 --width 320 --height 240 --framerate 5 --codec mjpeg --timeout 0 --output -',
    ],
    [
      'ffmpeg',
      { kind: 'v4l2', device: '/dev/v4l/by-id/usb-Cam_1-video-index0' },
      '-nostdin -hide_banner -loglevel error -f v4l2 -input_format mjpeg -video_size 640x480 -i /dev/v4l/by-id/usb-Cam_1-video-index0 -c:v copy -f mjpeg -',
    ],
    [
      'ffmpeg',
      { kind: 'v4l2', format: 'raw', framesPerSecond: 2 },
      '-nostdin -hide_banner -loglevel error -f v4l2 -video_size 640x480 -i /dev/video0 -vf fps=2 -q:v 3 -f mjpeg -',
    ],
    [
      'gst-launch-1.0',
      { kind: 'csi', sensor: 1, framesPerSecond: 0.5 },
      '-q nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM),format=NV12 ! nvvidconv ! video/x-raw,format=I420,width=640,height=480 ! videorate drop-only=true ! video/x-raw,framerate=50/100 ! jpegenc quality=90 ! fdsink fd=1',
    ],
  ])('%s is called as it has to be: %o', async (program, settings, words) => {
    const called = install(program);
    await pictureOf(settings);
    expect(called()).toBe(words);
    expect(await kindOf(read(settings)).check(read(settings), surroundings())).toEqual(
      settings.kind === 'v4l2' ? [expect.objectContaining({ path: ['device'], severity: 'degraded' })] : [],
    );
  });

  it('refuses a device that is none, and an address with a password in it', () => {
    const problem = (settings: object) => sourceSchema.safeParse({ name: 'door', ...settings }).error?.issues[0]?.message;
    expect(problem({ kind: 'v4l2', device: '/etc/passwd' })).toContain('is not the path of a device');
    expect(problem({ kind: 'v4l2', device: '/dev/../etc/passwd' })).toContain('is not the path of a device');
    expect(problem({ kind: 'rtsp', url: 'rtsp://me:secret@camera/1' })).toBe('holds a user or a password');
    expect(problem({ kind: 'rtsp', url: 'http://camera/1' })).toContain('rtsp://');
    expect(problem({ kind: 'http', url: 'file:///etc/passwd' })).toContain('http://');
  });
});

const surroundings = () => ({ state: '/state', searchPath: process.env.PATH ?? '', earlier: [], input: null });

describe('a device that is busy', () => {
  it('is held by somebody, who is named', async () => {
    const device = join(place, 'device');
    writeFileSync(device, '');
    const descriptor = openSync(device, 'r');
    const holder = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
    onTestFinished(() => void holder.kill());
    const held = await holdersOf(device);
    expect(held).toContainEqual({ pid: holder.pid, name: 'sleep' });
    expect(await whoHolds(device, 'ffmpeg ended: /dev/video0: Device or resource busy')).toContain(`sleep, process ${holder.pid}`);
    expect(await whoHolds(device, 'ffmpeg ended with exit status 1')).toBe('ffmpeg ended with exit status 1');
    expect(await whoHolds('/dev/nothing', 'it is busy')).toBe('it is busy (another program has it open)');
  });
});

const server = `
import gi,sys
gi.require_version('Gst','1.0'); gi.require_version('GstRtspServer','1.0')
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
s=GstRtspServer.RTSPServer.new(); s.set_address('127.0.0.1'); s.set_service('0')
f=GstRtspServer.RTSPMediaFactory.new()
f.set_launch('( videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=5/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26 )')
auth=GstRtspServer.RTSPAuth.new(); token=GstRtspServer.RTSPToken.new(); token.set_string('media.factory.role','user')
auth.add_basic(GstRtspServer.RTSPAuth.make_basic('maker', "se cret'@:/?#"), token); s.set_auth(auth)
f.add_role_from_structure(Gst.Structure.new_from_string('user,media.factory.access=(boolean)true,media.factory.construct=(boolean)true'))
s.get_mount_points().add_factory('/cam',f); s.attach(None); print(s.get_bound_port(),flush=True); GLib.MainLoop().run()
`;
const python = '/usr/bin/python3';
const check = "import gi; gi.require_version('GstRtspServer','1.0'); from gi.repository import GstRtspServer";
const hasServer =
  spawnSync(python, ['-c', check]).status === 0 &&
  ['jpegenc', 'rtpjpegpay', 'videotestsrc'].every((element) => spawnSync('gst-inspect-1.0', ['--exists', element]).status === 0) &&
  spawnSync('ffmpeg', ['-version']).status === 0;

describe('a camera that speaks RTSP', () => {
  it.skipIf(!hasServer)(
    `gives pictures to who knows the password, which no command line shows${hasServer ? '' : ' (skipped: needs ffmpeg, python3-gi, gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-base and -good)'}`,
    { timeout: 120_000 },
    async () => {
      const camera = spawn(python, ['-c', server], { stdio: ['ignore', 'pipe', 'inherit'] });
      onTestFinished(() => void camera.kill('SIGKILL'));
      const port = await new Promise<string>((resolve) => camera.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())));
      const passwordFile = join(place, 'password');
      writeFileSync(passwordFile, "se cret'@:/?#\n", { mode: 0o600 });
      const settings = { kind: 'rtsp', url: `rtsp://127.0.0.1:${port}/cam`, username: 'maker', passwordFile, framesPerSecond: 5 };
      expect(await kindOf(read(settings)).check(read(settings), surroundings())).toEqual([]);
      await pictureOf(settings);
      const lines = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
        .stdout.split('\n')
        .filter((line) => line.startsWith('ffmpeg'));
      expect(lines.some((line) => line.includes('concat'))).toBe(true);
      expect(lines.join('\n')).not.toContain('cret');
      await source?.stop();

      chmodSync(passwordFile, 0o644);
      expect(await kindOf(read(settings)).check(read(settings), surroundings())).toMatchObject([
        { severity: 'degraded', remedy: `chmod 600 ${passwordFile}` },
      ]);
      writeFileSync(passwordFile, 'another\n');
      const recorder = createRecorder();
      source = open(settings);
      await source.start(recorder.context);
      await recorder.until('the refusal', () => /401|nauthorized/.test(source?.status().lastError ?? ''));
      expect(source.status().lastError).not.toContain('another');
    },
  );
});
