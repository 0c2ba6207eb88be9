import { describe, expect, it } from 'vitest';
import { createMachineFiles } from '../../agent/host/machine-files.ts';
import { readThermal } from '../../agent/host/thermal.ts';
import { jetsonOrinNano, plant, raspberryPi4, type Tree, x86Server } from './machine-trees.ts';

const read = (tree: Tree) => readThermal(createMachineFiles(plant(tree)));
const zone0 = 'sys/class/thermal/thermal_zone0';

describe('readThermal', () => {
  it('knows that a Raspberry Pi slows down at 80 °C, long before its only trip point', async () => {
    expect(await read(raspberryPi4)).toEqual({ temperatureC: 68.199, zone: 'cpu-thermal', headroomC: 11.8 });
  });

  it('takes the hottest zone of a Jetson and its passive trip point; fans and zones that are off do not count', async () => {
    expect(await read(jetsonOrinNano)).toEqual({ temperatureC: 97.25, zone: 'cpu-thermal', headroomC: 1.8 });
  });

  it('leaves out unset trip points and the radio of a server', async () => {
    expect(await read(x86Server)).toEqual({ temperatureC: 52, zone: 'x86_pkg_temp', headroomC: null });
  });

  it('keeps a margin below the critical point of a board that names no other', async () => {
    const { 'proc/device-tree/model': _, ...other } = raspberryPi4;
    expect(await read(other)).toMatchObject({ headroomC: 26.8 });
  });

  it('is negative beyond the trip point', async () => {
    expect(await read({ ...jetsonOrinNano, [`${zone0}/temp`]: '100500\n' })).toMatchObject({ headroomC: -1.5 });
  });

  it.each(['', 'hot\n', '-274000\n', '999999\n'])('is null where the only reading is %j', async (temp) => {
    expect(await read({ ...raspberryPi4, [`${zone0}/temp`]: temp })).toBeNull();
  });

  it('is null without zones', async () => {
    expect(await read({})).toBeNull();
  });
});
