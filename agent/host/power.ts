// Whether the board runs on mains or on a battery, and how full that is. Takes the power supplies of sysfs; null where the kernel knows of
// none, as on most boards. Batteries of mice and keyboards (scope `Device`) do not count.
import type { MachineFiles } from './machine-files.ts';

export interface Power {
  /** null where no supply says whether it is plugged in. */
  readonly onMains: boolean | null;
  /** Emptiest battery, 0 to 100; null without one. */
  readonly batteryPercent: number | null;
}

const suppliesFolder = 'sys/class/power_supply';

export async function readPower(files: MachineFiles): Promise<Power | null> {
  const names = await files.names(suppliesFolder);
  const supplies = await Promise.all(
    names.map(async (name) => {
      const folder = `${suppliesFolder}/${name}`;
      const [type, scope, status] = await Promise.all(['type', 'scope', 'status'].map((file) => files.text(`${folder}/${file}`)));
      const [online, capacity] = await Promise.all(['online', 'capacity'].map((file) => files.number(`${folder}/${file}`)));
      return { type, scope, status, online: online ?? null, capacity: capacity ?? null };
    }),
  );
  const own = supplies.filter(({ type, scope }) => type !== null && scope !== 'Device');
  if (own.length === 0) return null;
  const batteries = own.filter(({ type }) => type === 'Battery');
  const plugs = own.flatMap(({ type, online }) => (type === 'Battery' || online === null ? [] : [online]));
  const levels = batteries.flatMap(({ capacity }) => (capacity === null || capacity < 0 || capacity > 100 ? [] : [capacity]));
  return {
    onMains: onMains(
      plugs,
      batteries.map(({ status }) => status),
    ),
    batteryPercent: levels.length === 0 ? null : Math.min(...levels),
  };
}

/** `online` is 1 (or 2, programmable) for a plug that delivers; a battery that charges or is full says the same without one. */
function onMains(plugs: readonly number[], batteryStates: readonly (string | null)[]): boolean | null {
  if (plugs.length > 0) return plugs.some((online) => online > 0);
  if (batteryStates.includes('Discharging')) return false;
  return batteryStates.some((state) => state === 'Charging' || state === 'Full') ? true : null;
}
