// The files in which Linux describes a machine, as three kinds of machine show them, written into a folder that stands for the root.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export type Tree = Readonly<Record<string, string>>;

/** Gives the folder; it goes when the test ends. */
export function plant(tree: Tree): string {
  const root = mkdtempSync(join(tmpdir(), 'whet-machine-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const zone = (number: number, type: string, temp: string, trips: readonly (readonly [kind: string, milli: number])[]): Tree => ({
  [`sys/class/thermal/thermal_zone${number}/type`]: `${type}\n`,
  ...(temp === '' ? {} : { [`sys/class/thermal/thermal_zone${number}/temp`]: `${temp}\n` }),
  ...Object.fromEntries(
    trips.flatMap(([kind, milli], index) => [
      [`sys/class/thermal/thermal_zone${number}/trip_point_${index}_type`, `${kind}\n`],
      [`sys/class/thermal/thermal_zone${number}/trip_point_${index}_temp`, `${milli}\n`],
    ]),
  ),
});

const processors = (count: number, lines: string) =>
  Array.from({ length: count }, (_, index) => `processor\t: ${index}\n${lines}\n`).join('\n');

export const raspberryPi4: Tree = {
  'proc/device-tree/model': 'Raspberry Pi 4 Model B Rev 1.4\0',
  'proc/cpuinfo': `${processors(4, 'BogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n')}
Revision\t: c03114\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n`,
  'proc/meminfo': 'MemTotal:        3884360 kB\nMemFree:         1203456 kB\nMemAvailable:    3300124 kB\nSwapTotal:        524284 kB\n',
  'proc/loadavg': '1.52 0.41 0.35 1/180 2211\n',
  'proc/uptime': '86412.11 344001.02\n',
  'proc/sys/kernel/osrelease': '6.6.51+rpt-rpi-v8\n',
  'etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n',
  'sys/devices/platform/soc/soc:firmware/get_throttled': '50005\n',
  ...zone(0, 'cpu-thermal', '68199', [['critical', 110000]]),
};

export const jetsonOrinNano: Tree = {
  'proc/device-tree/model': 'NVIDIA Jetson Orin Nano Developer Kit\0',
  'proc/cpuinfo': processors(
    6,
    'model name\t: ARMv8 Processor rev 1 (v8l)\nFeatures\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm asimddp\n',
  ),
  'proc/meminfo': 'MemTotal:        7802036 kB\nMemFree:          812344 kB\nMemAvailable:    5104224 kB\n',
  'proc/loadavg': '0.10 0.20 0.30 2/500 4000\n',
  'proc/uptime': '12.50 60.00\n',
  'etc/os-release': 'PRETTY_NAME="Ubuntu 22.04.5 LTS"\n',
  'etc/nv_tegra_release':
    '# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025\n',
  ...zone(0, 'cpu-thermal', '97250', [
    ['critical', 104500],
    ['passive', 99000],
  ]),
  ...zone(1, 'gpu-thermal', '46812', [
    ['passive', 99000],
    ['active', 40000],
  ]),
  // Switched off: the kernel answers EAGAIN, and here there is nothing to read.
  ...zone(2, 'cv0-thermal', '', [['passive', 99000]]),
  ...zone(10, 'tj-thermal', '97250', [['active', 35000]]),
};

export const x86Server: Tree = {
  'sys/class/dmi/id/sys_vendor': 'Dell Inc.\n',
  'sys/class/dmi/id/product_name': 'PowerEdge R650\n',
  'proc/cpuinfo': processors(8, 'model name\t: Intel(R) Xeon(R) Gold 6330\nflags\t\t: fpu sse2 avx f16c avx2 fma avx512f avx512_vnni\n'),
  'proc/meminfo': 'MemTotal:       24676292 kB\nMemAvailable:   20000000 kB\n',
  'proc/loadavg': '0.00 0.00 0.00 1/100 1\n',
  'etc/os-release': "PRETTY_NAME='Debian'\n",
  ...zone(0, 'x86_pkg_temp', '52000', [
    ['passive', 0],
    ['passive', -274000],
  ]),
  ...zone(1, 'iwlwifi_1', '90000', []),
};
