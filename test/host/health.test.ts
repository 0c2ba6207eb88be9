import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { readHealth } from '../../agent/host/health.ts';
import { createMachineFiles } from '../../agent/host/machine-files.ts';
import { plant, raspberryPi4 } from './machine-trees.ts';

describe('readHealth', () => {
  it('reads a Raspberry Pi', async () => {
    const health = await readHealth({ files: createMachineFiles(plant(raspberryPi4)), stateDir: tmpdir(), vcgencmd: null, cores: 4 });
    expect(health).toMatchObject({
      thermal: { temperatureC: 68.199 },
      throttling: { now: ['under-voltage', 'throttled'] },
      power: null,
      load1: 1.52,
      loadPerCore: 0.38,
      memory: { totalMb: 3793, freeMb: 3223 },
      uptimeSeconds: 86412.11,
    });
  });

  it('says null for what a machine does not have, and never throws', async () => {
    const health = await readHealth({ files: createMachineFiles('/nowhere'), stateDir: '/nowhere', vcgencmd: null });
    const { memory, ...rest } = health;
    expect(new Set(Object.values(rest))).toEqual(new Set([null]));
    expect(memory).toMatchObject({ totalMb: null, freeMb: null });
    expect(memory.residentMb).toBeGreaterThan(10);
  });

  it('reads this machine', async () => {
    const { memory, disk, load1, uptimeSeconds } = await readHealth({ files: createMachineFiles(), stateDir: tmpdir() });
    expect(memory.totalMb).toBeGreaterThan(memory.freeMb ?? Number.NaN);
    expect(disk?.totalMb).toBeGreaterThanOrEqual(disk?.freeMb ?? Number.NaN);
    expect(load1).toBeGreaterThanOrEqual(0);
    expect(uptimeSeconds).toBeGreaterThan(0);
  });
});
