// The clock of a device under test: set to any moment while the device runs, and let pass in a moment. The preload is the rig's.
import { renameSync, writeFileSync } from 'node:fs';

const preload = new URL('../../scripts/rig/shifted-clock.mjs', import.meta.url);

export interface ShiftedClock {
  /** The environment of a process that lives by it, and of its children. */
  readonly env: NodeJS.ProcessEnv;
  /** As NTP or a person does it: nothing has passed. */
  set(iso: string): void;
  /** Passes for the wall clock and for durations; timers do not notice. */
  pass(ms: number): void;
  now(): number;
}

/** `file` is where the processes read it; `zone` a time zone such as Europe/Berlin. */
export function createShiftedClock(file: string, zone: string): ShiftedClock {
  let [setMs, passedMs] = [0, 0];
  const write = () => {
    writeFileSync(`${file}.new`, `${setMs} ${passedMs}`);
    renameSync(`${file}.new`, file);
  };
  const now = () => Date.now() + setMs + passedMs;
  return {
    env: { ...process.env, NODE_OPTIONS: `--import=${preload.href}`, WHET_SHIFTED_CLOCK: file, TZ: zone },
    set(iso) {
      setMs += Date.parse(iso) - now();
      write();
    },
    pass(ms) {
      passedMs += ms;
      write();
    },
    now,
  };
}
