// `whet init`: from an empty folder to a device that passes its own check, by defaults and by answers at a terminal; nothing is overwritten.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { findDevices } from '../../agent/host/find-devices.ts';
import { atTerminal, hasTerminal } from './at-terminal.ts';

const main = fileURLToPath(new URL('../../agent/main.ts', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'whet-init-'));
const programs = join(place, 'programs');
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** A program that prints this, first on the PATH. */
function program(name: string, text: string): void {
  mkdirSync(programs, { recursive: true });
  writeFileSync(join(programs, name), `#!/bin/sh\ncat <<'END'\n${text}\nEND\n`);
  chmodSync(join(programs, name), 0o755);
}

let empties = 0;
function emptyFolder(): string {
  empties += 1;
  const path = join(place, `empty ${empties}`);
  mkdirSync(path);
  return path;
}

const env = () => ({ ...process.env, PATH: `${programs}:${process.env.PATH}`, HOME: place });
function whet(cwd: string, ...args: readonly string[]) {
  return spawnSync(process.execPath, [main, ...args], { cwd, env: env(), encoding: 'utf8' });
}

describe('whet init --yes', () => {
  it('in an empty folder gives a device that passes its check and answers', () => {
    const folder = emptyFolder();
    const done = whet(folder, 'init', '--yes');
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(done.stdout).toMatch(/whet predict --config whetstone\.yaml photo\.jpg +# .*\nwhet run +#.*\nwhet label +#/);
    expect(readdirSync(folder).sort()).toEqual(['inbox', 'models', 'whetstone.yaml']);
    expect(JSON.parse(whet(folder, 'check', '--json').stdout)).toMatchObject({ problems: [] });
    const again = whet(folder, 'init', '--yes');
    expect(again).toMatchObject({ status: 73 });
    expect(again.stderr).toContain('overwrites nothing');
    // What is the same as what would be written is no obstacle; what differs is.
    rmSync(join(folder, 'whetstone.yaml'));
    writeFileSync(join(folder, 'models/objects/model.json'), '{}');
    expect(whet(folder, 'init', '--yes')).toMatchObject({ status: 73 });
    expect(existsSync(join(folder, 'whetstone.yaml'))).toBe(false);
    rmSync(join(folder, 'models/objects/model.json'));
    expect(whet(folder, 'init', '--yes')).toMatchObject({ status: 0 });
  }, 60_000);

  it('takes what the machine has', () => {
    program('arecord', 'card 1: Device [USB PnP Audio Device], device 0: USB Audio [USB Audio]\n  Subdevices: 1/1');
    const folder = emptyFolder();
    const told = JSON.parse(whet(folder, 'init', 'ear', '--json').stdout);
    expect(told).toMatchObject({ kind: 'audio', model: 'models/spoken-digits/model.onnx', source: { name: 'USB PnP Audio Device' } });
    const yaml = readFileSync(join(folder, 'ear', 'whetstone.yaml'), 'utf8');
    expect(yaml).toContain('{ name: microphone, kind: microphone, device: "plughw:CARD=Device,DEV=0" }');
    expect(yaml).toContain('classes: keep');
    expect(whet(join(folder, 'ear'), 'check')).toMatchObject({ status: 0 });
    program('rpicam-hello', 'Available cameras\n-----------------\n0 : imx708 [4608x2592 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx708@1a)');
    program('rpicam-vid', '');
    const seen = JSON.parse(whet(emptyFolder(), 'init', '--json').stdout);
    expect(seen).toMatchObject({ kind: 'image', source: { how: 'rpicam', name: 'imx708' }, found: { microphones: [{}], cameras: [{}] } });
    expect(JSON.parse(whet(emptyFolder(), 'init', '--kind', 'sensor', '--json').stdout)).toMatchObject({ kind: 'sensor', source: null });
    for (const name of readdirSync(programs)) rmSync(join(programs, name));
  }, 60_000);

  it("takes the user's model, and drafts its card where it has none", () => {
    const folder = emptyFolder();
    copyFileSync(fileURLToPath(new URL('../../models/motion/model.onnx', import.meta.url)), join(folder, 'mine.onnx'));
    const told = JSON.parse(whet(folder, 'init', '--model', 'mine.onnx', '--json').stdout);
    expect(told).toMatchObject({ kind: 'sensor', model: 'mine.onnx', draft: 'mine.json', next: ['whet check', 'whet run', 'whet label'] });
    expect(JSON.parse(readFileSync(join(folder, 'mine.json'), 'utf8'))).toMatchObject({
      name: 'mine',
      input: { kind: 'sensor', samples: 100 },
    });
    expect(whet(folder, 'check')).toMatchObject({ status: 0 });
    writeFileSync(join(folder, 'no.onnx'), 'no model');
    expect(whet(emptyFolder(), 'init', '--yes', '--model', join(folder, 'no.onnx'))).toMatchObject({ status: 65 });
  }, 60_000);

  it('without a terminal asks nothing and says so', () => {
    const refused = whet(emptyFolder(), 'init');
    expect(refused).toMatchObject({ status: 64 });
    expect(refused.stderr).toContain('--yes');
  });
});

describe.skipIf(!hasTerminal)('at a terminal', () => {
  /** Answers each `[1] ` or `: ` in turn. */
  async function answer(folder: string, answers: readonly string[]): Promise<string> {
    const child = atTerminal(['init'], { cwd: folder, env: env() });
    let said = '';
    let answered = 0;
    child.stdout.on('data', (part) => {
      said += String(part);
      const asked = said.split(/\[1\] |none\): /).length - 1;
      while (answered < Math.min(asked, answers.length)) child.stdin.write(answers[answered++]!);
    });
    await new Promise((resolve) => child.once('close', resolve));
    return said;
  }

  it('asks what shall be looked at and told apart, again where the answer is none', async () => {
    const folder = emptyFolder();
    const said = await answer(folder, ['9\r', '2\r', '3\r', '\r']);
    expect(said).toContain('What shall it look at?');
    const yaml = readFileSync(join(folder, 'whetstone.yaml'), 'utf8');
    expect(yaml).toContain('model: "models/spoken-digits/model.onnx"');
    expect(yaml).toContain('classes: extend');
    expect(yaml).toContain('# mqtt:');
  }, 60_000);

  it('Ctrl-D leaves nothing behind', async () => {
    const folder = emptyFolder();
    expect(await answer(folder, ['\x04'])).toContain('nothing was written');
    expect(readdirSync(folder)).toEqual([]);
  }, 60_000);
});

it('finds USB cameras and sensors as the kernel lists them', async () => {
  const root = join(place, 'root');
  const put = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const [node, index, name] of [
    ['video0', '0', 'HD Webcam'],
    ['video1', '1', 'HD Webcam'],
    ['video10', '0', 'bcm2835-codec-decode'],
  ] as const) {
    put(`sys/class/video4linux/${node}/name`, `${name}\n`);
    put(`sys/class/video4linux/${node}/index`, `${index}\n`);
  }
  put('sys/bus/iio/devices/iio:device0/name', 'lsm6dsox_accel\n');
  for (const axis of ['x', 'y', 'z']) put(`sys/bus/iio/devices/iio:device0/in_accel_${axis}_raw`, '12\n');
  put('sys/bus/iio/devices/trigger0/name', 'none\n');
  const { cameras, sensors } = await findDevices(root);
  expect(cameras).toEqual([{ name: 'HD Webcam', address: join(root, 'dev/video0'), how: 'v4l2' }]);
  const byId = join(root, 'dev/v4l/by-id');
  mkdirSync(byId, { recursive: true });
  symlinkSync('../../video0', join(byId, 'usb-HD_Webcam-video-index0'));
  expect((await findDevices(root)).cameras[0]!.address).toBe(join(byId, 'usb-HD_Webcam-video-index0'));
  expect(sensors).toEqual([{ name: 'lsm6dsox_accel (accel)', address: join(root, 'sys/bus/iio/devices/iio:device0'), how: 'iio' }]);
});

it('the program is found by its link from anywhere', () => {
  const folder = emptyFolder();
  const link = join(place, 'whet');
  execFileSync('ln', ['-s', main, link]);
  expect(spawnSync(process.execPath, [link, 'init', '--yes'], { cwd: folder, env: env() }).status).toBe(0);
  expect(existsSync(join(folder, 'models/objects/model.onnx'))).toBe(true);
});
