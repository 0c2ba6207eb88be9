import { describe, expect, it } from 'vitest';
import { createMachineFiles } from '../../agent/host/machine-files.ts';
import { readPower } from '../../agent/host/power.ts';
import { plant, raspberryPi4, type Tree } from './machine-trees.ts';

const supply = (name: string, files: Tree): Tree =>
  Object.fromEntries(Object.entries(files).map(([file, text]) => [`sys/class/power_supply/${name}/${file}`, `${text}\n`]));
const read = (...trees: readonly Tree[]) => readPower(createMachineFiles(plant(Object.assign({}, ...trees))));

const battery = (status: string, capacity: string) => supply('BAT0', { type: 'Battery', status, capacity });

describe('readPower', () => {
  it('is null where the kernel knows of no supply', async () => {
    expect(await read(raspberryPi4)).toBeNull();
  });

  it.each([
    [[supply('AC', { type: 'Mains', online: '1' }), battery('Full', '100')], { onMains: true, batteryPercent: 100 }],
    [[supply('AC', { type: 'Mains', online: '0' }), battery('Discharging', '41')], { onMains: false, batteryPercent: 41 }],
    [[battery('Discharging', '9')], { onMains: false, batteryPercent: 9 }],
    [[battery('Charging', '9')], { onMains: true, batteryPercent: 9 }],
    [[battery('Unknown', '50')], { onMains: null, batteryPercent: 50 }],
    [[battery('Full', '4000')], { onMains: true, batteryPercent: null }],
    [[battery('Charging', '80'), supply('BAT1', { type: 'Battery', capacity: '20' })], { onMains: true, batteryPercent: 20 }],
    [[supply('usb', { type: 'USB', online: '1' })], { onMains: true, batteryPercent: null }],
  ])('%#: tells mains from battery', async (trees, expected) => {
    expect(await read(...trees)).toEqual(expected);
  });

  it('does not take the battery of a mouse for its own', async () => {
    expect(await read(supply('hidpp_battery_0', { type: 'Battery', scope: 'Device', capacity: '5' }))).toBeNull();
  });
});
