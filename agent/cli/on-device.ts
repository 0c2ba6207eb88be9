// What the verbs of a device share: how one is declared, and how it reaches its device. Opens the running daemon, or the store while none runs.
import type { Command } from 'commander';
import type { Device } from '../operations/table.ts';
import { createOutput, type Output } from './output.ts';

export interface DeviceOptions {
  readonly config?: string;
  readonly json?: boolean;
}

/** A verb with its summary and the options that all of them have. */
export type DeviceVerb = (name: string, summary: string) => Command;

export async function onDevice(options: DeviceOptions, use: (device: Device, output: Output) => Promise<void>): Promise<void> {
  const { openDevice } = await import('../open-device.ts');
  await using device = await openDevice(options.config);
  await use(device, createOutput(options.json === true));
}
