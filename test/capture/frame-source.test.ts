import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type CameraProgramOptions, createCameraProgram } from '../../agent/capture/frame-source.ts';
import type { Source } from '../../agent/capture/source.ts';
import { photograph } from '../images.ts';
import { createRecorder } from './recorder.ts';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'whet-mjpeg-'));
const picture = join(folder, 'picture.jpg');
let source: Source | null = null;

beforeAll(async () => writeFileSync(picture, await photograph('disc', 1)));
afterEach(async () => {
  await source?.stop();
  source = null;
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A camera program: JavaScript with `frame` (the bytes of a picture) and `out` (prints) at hand. */
function script(body: string): readonly string[] {
  const head = `const fs = require('node:fs'); const frame = fs.readFileSync(${JSON.stringify(picture)}); const out = (b) => process.stdout.write(b);`;
  return [process.execPath, '-e', `${head}\n${body}`];
}

function open(command: readonly string[], options: Partial<CameraProgramOptions> = {}): Source {
  source = createCameraProgram({
    name: 'door',
    kind: 'mjpeg',
    command: async () => command,
    framesPerSecond: 60,
    stallMs: 60_000,
    graceMs: 200,
    retryMinMs: 20,
    retryMaxMs: 40,
    ...options,
  });
  return source;
}

/** Whether a process of this id is there and not a zombie. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a camera program', () => {
  test.skipIf(!hasFfmpeg)('ffmpeg: pictures arrive whole, at a lower rate, the others are counted (needs ffmpeg)', async () => {
    const recorder = createRecorder();
    const camera = open(['ffmpeg', '-v', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=25', '-f', 'mjpeg', '-'], {
      framesPerSecond: 5,
    });
    await camera.start(recorder.context);
    await recorder.until('six pictures', () => recorder.captures.length >= 6);
    expect(camera.status()).toMatchObject({ state: 'running', lastError: null });
    // Of 25 a second 5 are taken; how regularly, latest-frame.test.ts says on a clock of its own.
    expect(camera.status().passedOver).toBeGreaterThan(recorder.captures.length);
    expect(camera.status().dropped).toBe(0);
    // Six in little more than a second are one burst.
    expect(new Set(recorder.captures.slice(0, 6).map(({ moment }) => moment)).size).toBe(1);
    expect(recorder.captures[0]?.moment).toBeDefined();
    for (const { bytes, source: name } of recorder.captures) {
      expect(name).toBe('door');
      expect(await sharp(bytes, { failOn: 'warning' }).metadata()).toMatchObject({ width: 160, height: 120 });
    }
  });

  test('that ends is started again, with its last words in the status', async () => {
    const recorder = createRecorder();
    const camera = open(script(`out(frame); console.error('no camera at rtsp://me:secret@cam/1'); process.exitCode = 3;`), {
      retryMinMs: 300,
    });
    await camera.start(recorder.context);
    await recorder.until('the first end', () => camera.status().lastError?.includes('exit status 3') === true);
    expect(camera.status().state).toBe('degraded');
    expect(camera.status().lastError).toContain('no camera at rtsp://…@cam/1');
    expect(JSON.stringify(recorder.warnings)).not.toContain('secret');
    await recorder.until('a picture of the second run', () => recorder.captures.length >= 2);
    expect(recorder.warnings).toHaveLength(1);
  });

  // A busy machine may need longer to start a program than it may stall: the outcome is waited for, over as many runs as it takes.
  test('that hangs, and ignores SIGTERM, is killed and started again', async () => {
    const pids = join(folder, 'hang-pids');
    const body = `process.on('SIGTERM', () => {}); fs.appendFileSync(${JSON.stringify(pids)}, process.pid + ' '); out(frame); setInterval(() => {}, 1e6);`;
    const camera = open(script(body), { stallMs: 1000 });
    const recorder = createRecorder();
    await camera.start(recorder.context);
    await recorder.until('the stall', () => recorder.warnings.some((text) => text.includes('printed no picture for 1 s')));
    const [first] = readFileSync(pids, 'utf8').split(' ').map(Number);
    expect(isAlive(first!)).toBe(false);
    await recorder.until('the next run', () => recorder.captures.length >= 2);
  });

  test('that prints garbage is told from one that prints nothing', async () => {
    const recorder = createRecorder();
    const noisy = open(script(`setInterval(() => out(Buffer.alloc(1000, 0xd8)), 20);`), { stallMs: 3000 });
    await noisy.start(recorder.context);
    await recorder.until('the garbage to be told', () =>
      /printed \d+ bytes, but no JPEG picture for 3 s/.test(noisy.status().lastError ?? ''),
    );
    await noisy.stop();
    expect(recorder.captures).toEqual([]);
    const mute = open(script(`setInterval(() => {}, 1e6);`), { stallMs: 200 });
    await mute.start(recorder.context);
    await recorder.until('the silence to be told', () => mute.status().lastError?.includes('printed nothing for 0.2 s') === true);
  });

  test('that sends no end markers is seen, and one whose pictures are all broken is told so, and counted as they come', async () => {
    const recorder = createRecorder();
    const unended = open(script(`setInterval(() => out(frame.subarray(0, frame.length - 2)), 20);`));
    await unended.start(recorder.context);
    await recorder.until('pictures', () => recorder.captures.length >= 3);
    expect(unended.status()).toMatchObject({ state: 'running', dropped: 0 });
    await sharp(recorder.captures[2]!.bytes, { failOn: 'warning' }).raw().toBuffer();
    await unended.stop();
    const broken = open(script(`setInterval(() => out(frame.subarray(0, 40)), 20);`), { stallMs: 2000 });
    await broken.start(recorder.context);
    await recorder.until('broken pictures to be counted', () => broken.status().dropped > 5);
    await recorder.until('the stall', () =>
      /broken pictures among them, but no JPEG picture for 2 s/.test(broken.status().lastError ?? ''),
    );
  });

  test('that is not there, or no program, is degraded and not fatal', async () => {
    const recorder = createRecorder();
    const missing = open(['rpicam-vid-of-another-board']);
    await missing.start(recorder.context);
    await recorder.until('a reason', () => missing.status().lastError !== 'no picture yet');
    expect(missing.status()).toMatchObject({
      state: 'degraded',
      lastError: 'rpicam-vid-of-another-board is not installed, or not on the PATH',
    });
    await missing.stop();
    const file = open([picture]);
    await file.start(recorder.context);
    await recorder.until('a reason', () => file.status().lastError !== 'no picture yet');
    expect(file.status().lastError).toContain('may not be run');
  });

  test('broken pictures are counted and never emitted', async () => {
    const recorder = createRecorder();
    const camera = open(
      script(`const loop = () => { out(frame.subarray(0, frame.length / 2)); out(frame); }; loop(); setInterval(loop, 50);`),
    );
    await camera.start(recorder.context);
    await recorder.until('pictures', () => recorder.captures.length >= 3);
    expect(recorder.captures.every(({ bytes }) => Buffer.from(bytes).equals(readFileSync(picture)))).toBe(true);
    expect(camera.status().dropped).toBeGreaterThanOrEqual(3);
  });

  test('a slow collect loop gets the newest picture and holds nothing up', async () => {
    let release = () => {};
    const recorder = createRecorder({ emit: () => new Promise((resolve) => (release = resolve)) });
    const camera = open(script(`setInterval(() => out(frame), 10);`));
    await camera.start(recorder.context);
    await recorder.until('pictures to pile up', () => camera.status().passedOver > 10);
    expect(camera.status().captures).toBe(0);
    const { passedOver } = camera.status();
    const newerThanMs = Date.now();
    await recorder.until('a newer one', () => camera.status().passedOver > passedOver);
    release();
    await recorder.until('the first to be taken', () => recorder.captures.length === 1);
    release();
    await recorder.until('the next to be taken', () => {
      release();
      return recorder.captures.length === 2;
    });
    expect(recorder.captures[1]!.timeMs).toBeGreaterThanOrEqual(newerThanMs);
  });

  test('stopping ends the program and what it started, and waits for nobody', async () => {
    const pids = join(folder, 'stop-pids');
    const child = `const c = require('node:child_process').spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6)'], { stdio: 'inherit' });`;
    const recorder = createRecorder({ emit: () => new Promise(() => {}) });
    const camera = open(
      script(`${child} fs.writeFileSync(${JSON.stringify(pids)}, process.pid + ' ' + c.pid); setInterval(() => out(frame), 10);`),
    );
    await camera.start(recorder.context);
    await recorder.until('a picture', () => camera.status().state === 'running');
    const started = readFileSync(pids, 'utf8').split(' ').map(Number);
    expect(started.map(isAlive)).toEqual([true, true]);
    // Somebody who is waited for never comes.
    await camera.stop();
    await recorder.until('both to be gone', () => !started.some(isAlive));
    expect(camera.status().state).toBe('stopped');
  });

  test('start and stop can be called in any order and more than once', async () => {
    const recorder = createRecorder();
    const camera = open(script(`setInterval(() => out(frame), 10);`));
    await camera.stop();
    await camera.start(recorder.context);
    await camera.start(recorder.context);
    await Promise.all([camera.stop(), camera.stop()]);
    await camera.start(recorder.context);
    await recorder.until('a picture after a new start', () => recorder.captures.length > 0);
  });
});
