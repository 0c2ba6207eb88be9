// How the machine and the parts are, told every half minute.
import type { Events } from '../events.ts';
import { type MachineHealth, readHealth } from '../host/health.ts';
import type { MachineFiles } from '../host/machine-files.ts';
import type { Startable } from './startable.ts';

const everyMs = 30_000;

export interface Pulse extends Startable {
  /** Degrees below the machine's limit; null where it does not say. */
  headroomC(): number | null;
}

/** `degraded` gives a sentence for each part that does not work at the moment. */
export function createPulse(
  machine: MachineFiles,
  stateDir: string,
  degraded: () => readonly string[],
  events: Pick<Events, 'emit'>,
): Pulse {
  let health: MachineHealth | null = null;
  let timer: NodeJS.Timeout | undefined;
  const beat = async () => {
    health = await readHealth({ files: machine, stateDir });
    events.emit({ kind: 'health', health, degraded: degraded() });
  };
  return {
    async start() {
      await beat();
      timer = setInterval(() => void beat(), everyMs);
    },
    stop: () => clearInterval(timer),
    headroomC: () => health?.thermal?.headroomC ?? null,
  };
}
