// What a Raspberry Pi's firmware complains about: under-voltage, clocks held down. Takes the kernel's file, or the `vcgencmd` program where
// there is none; null on boards whose firmware does not say.
import { execFile } from 'node:child_process';
import type { MachineFiles } from './machine-files.ts';

export interface Throttling {
  readonly now: readonly string[];
  readonly sinceBoot: readonly string[];
}

/** Bits 0–3 of `get_throttled` say what holds now; the same ones 16 further up, what has held since boot. */
const complaints = ['under-voltage', 'frequency capped', 'throttled', 'soft temperature limit'];

/** Decodes `get_throttled`; null where the text is no such value. Takes "throttled=0x50005", "50005" or "0x50005". */
export function decodeThrottled(text: string): Throttling | null {
  const digits = /^(?:throttled=)?(?:0x)?([0-9a-f]{1,8})$/i.exec(text.trim())?.[1];
  if (digits === undefined) return null;
  const bits = Number.parseInt(digits, 16);
  const at = (shift: number) => complaints.filter((_, index) => (bits >>> (shift + index)) & 1);
  return { now: at(0), sinceBoot: at(16) };
}

/** `vcgencmd` is the program to ask, null to ask none. It may hang when the firmware does: it gets two seconds. */
export async function readThrottling(files: MachineFiles, vcgencmd: string | null = 'vcgencmd'): Promise<Throttling | null> {
  const board = await files.text('proc/device-tree/model');
  if (board?.startsWith('Raspberry Pi') !== true) return null;
  const text = (await files.text('sys/devices/platform/soc/soc:firmware/get_throttled')) ?? (await ask(vcgencmd));
  return text === null ? null : decodeThrottled(text);
}

function ask(program: string | null): Promise<string | null> {
  if (program === null) return Promise.resolve(null);
  return new Promise((resolve) => {
    execFile(program, ['get_throttled'], { timeout: 2000, killSignal: 'SIGKILL' }, (error, stdout) =>
      resolve(error === null ? stdout : null),
    );
  });
}
