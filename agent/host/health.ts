// The state of the machine at this moment: heat, load, memory, disk, power. Takes the state directory and the machine's files; what the
// machine cannot say is null. Never throws: a health report must not end a daemon.
import { statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { MachineFiles } from './machine-files.ts';
import { type Power, readPower } from './power.ts';
import { readThermal, type Thermal } from './thermal.ts';
import { readThrottling, type Throttling } from './throttling.ts';

export interface MachineHealth {
  readonly thermal: Thermal | null;
  readonly throttling: Throttling | null;
  readonly power: Power | null;
  /** Average number of processes that ran or waited for the disk during the last minute; and the same for each core. */
  readonly load1: number | null;
  readonly loadPerCore: number | null;
  /** `freeMb`: what a new process could get without swapping. `residentMb`: this process. */
  readonly memory: { readonly totalMb: number | null; readonly freeMb: number | null; readonly residentMb: number };
  /** Of the file system that holds the state directory; free for this user. */
  readonly disk: { readonly totalMb: number; readonly freeMb: number } | null;
  readonly uptimeSeconds: number | null;
}

export interface HealthPlaces {
  readonly files: MachineFiles;
  readonly stateDir: string;
  /** The program that asks a Raspberry Pi's firmware; null to ask none. */
  readonly vcgencmd?: string | null;
  readonly cores?: number;
}

export async function readHealth({ files, stateDir, vcgencmd, cores = availableParallelism() }: HealthPlaces): Promise<MachineHealth> {
  const [thermal, throttling, power, memory, disk, loadText, uptimeText] = await Promise.all([
    readThermal(files),
    readThrottling(files, vcgencmd),
    readPower(files),
    readMemory(files),
    readDisk(stateDir),
    files.text('proc/loadavg'),
    files.text('proc/uptime'),
  ]);
  const load1 = firstNumber(loadText);
  return {
    thermal,
    throttling,
    power,
    load1,
    loadPerCore: load1 === null ? null : load1 / cores,
    memory: { ...memory, residentMb: toMb(process.memoryUsage.rss()) },
    disk,
    uptimeSeconds: firstNumber(uptimeText),
  };
}

/** MemTotal and MemAvailable of /proc/meminfo, in MB. */
export async function readMemory(files: MachineFiles): Promise<{ readonly totalMb: number | null; readonly freeMb: number | null }> {
  const text = (await files.text('proc/meminfo')) ?? '';
  const field = (name: string) => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    return kilobytes === undefined ? null : toMb(Number(kilobytes) * 1024);
  };
  return { totalMb: field('MemTotal'), freeMb: field('MemAvailable') };
}

async function readDisk(folder: string): Promise<MachineHealth['disk']> {
  try {
    const { bsize, blocks, bavail } = await statfs(folder);
    return { totalMb: toMb(bsize * blocks), freeMb: toMb(bsize * bavail) };
  } catch {
    return null;
  }
}

function firstNumber(text: string | null): number | null {
  const value = Number.parseFloat(text?.split(' ')[0] ?? '');
  return Number.isFinite(value) ? value : null;
}

function toMb(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
