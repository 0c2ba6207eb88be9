// What this machine can see, hear and feel with: cameras, microphones and sensors, as far as the system lists them. Opens none of them; what a
// program that is not installed would tell is not found.
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface FoundDevice {
  /** For people. */
  readonly name: string;
  /** What a source needs to name it: a path, an ALSA name, the number of a camera. */
  readonly address: string;
  readonly how: 'rpicam' | 'v4l2' | 'alsa' | 'iio';
}

export interface FoundDevices {
  readonly cameras: readonly FoundDevice[];
  readonly microphones: readonly FoundDevice[];
  readonly sensors: readonly FoundDevice[];
}

export async function findDevices(root = '/'): Promise<FoundDevices> {
  const [ribbon, usb, microphones, sensors] = await Promise.all([ribbonCameras(), v4l2Cameras(root), alsaMicrophones(), iioSensors(root)]);
  return { cameras: [...ribbon, ...usb], microphones, sensors };
}

/** `0 : imx708 [4608x2592 10-bit RGGB] (/base/…)`, a line a camera. */
async function ribbonCameras(): Promise<readonly FoundDevice[]> {
  const said = await output('rpicam-hello', ['--list-cameras']);
  return [...said.matchAll(/^\s*(\d+) : (\S+)/gm)].map(([, number = '0', name = '']) => ({ name, address: number, how: 'rpicam' }));
}

/** A camera has several nodes; index 0 is the one that gives pictures. Those of the board's own decoders and image processors give none. */
async function v4l2Cameras(root: string): Promise<readonly FoundDevice[]> {
  const folder = join(root, 'sys/class/video4linux');
  const found: FoundDevice[] = [];
  for (const node of (await namesIn(folder)).filter((name) => /^video\d+$/.test(name)).sort(byNumber)) {
    const [name, index] = await Promise.all([text(join(folder, node, 'name')), text(join(folder, node, 'index'))]);
    if (index !== '0' || /bcm2835|codec|isp|unicam|rp1-cfe|hevc|pispbe/i.test(name)) continue;
    found.push({ name: name === '' ? node : name, address: (await lastingName(root, node)) ?? join(root, 'dev', node), how: 'v4l2' });
  }
  return found;
}

/** Numbers change when cameras are plugged in; these names stay. */
async function lastingName(root: string, node: string): Promise<string | null> {
  const folder = join(root, 'dev/v4l/by-id');
  for (const name of await namesIn(folder)) {
    const target = await readlink(join(folder, name)).catch(() => '');
    if (basename(target) === node && /^[A-Za-z0-9_.:+-]+$/.test(name)) return join(folder, name);
  }
  return null;
}

/** `card 1: Device [USB PnP Audio Device], device 0: USB Audio [USB Audio]` */
async function alsaMicrophones(): Promise<readonly FoundDevice[]> {
  const said = await output('arecord', ['-l']);
  return [...said.matchAll(/^card \d+: (\S+) \[([^\]]*)\], device (\d+):/gm)].map(([, card = '', name = '', device = '0']) => ({
    name: name === '' ? card : name,
    address: `plughw:CARD=${card},DEV=${device}`,
    how: 'alsa',
  }));
}

/** Industrial I/O of the kernel: what measures acceleration, turning, light, pressure … */
async function iioSensors(root: string): Promise<readonly FoundDevice[]> {
  const folder = join(root, 'sys/bus/iio/devices');
  const found: FoundDevice[] = [];
  for (const device of (await namesIn(folder)).filter((name) => name.startsWith('iio:device')).sort(byNumber)) {
    const path = join(folder, device);
    const measures = (await namesIn(path)).flatMap((name) => /^in_([a-z]+)(?:_[xyz])?_(?:raw|input)$/.exec(name)?.[1] ?? []);
    if (measures.length === 0) continue;
    const name = await text(join(path, 'name'));
    found.push({ name: `${name === '' ? device : name} (${[...new Set(measures)].join(', ')})`, address: path, how: 'iio' });
  }
  return found;
}

function byNumber(a: string, b: string): number {
  return Number(/\d+$/.exec(a)?.[0] ?? 0) - Number(/\d+$/.exec(b)?.[0] ?? 0);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

async function text(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

/** What a program prints; nothing where it is not installed, fails or takes too long. */
function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: 5000, env: { ...process.env, LC_ALL: 'C' } }, (_error, stdout, stderr) =>
      resolve(`${stdout}\n${stderr}`),
    );
  });
}
