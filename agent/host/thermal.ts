// How hot the board is, and how far from slowing down. Takes the thermal zones of sysfs; zones that are off or cannot be read are left out.
import type { MachineFiles } from './machine-files.ts';

export interface Thermal {
  /** The hottest zone, degrees Celsius. */
  readonly temperatureC: number;
  readonly zone: string;
  /** Degrees below the nearest temperature at which the board slows itself down; negative beyond it; null where no zone says. */
  readonly headroomC: number | null;
}

interface Zone {
  readonly type: string;
  readonly temperatureC: number;
  readonly throttleC: number | null;
}

const zonesFolder = 'sys/class/thermal';

/** Drivers report absurd readings for sensors that are off. */
const sensible = (temperatureC: number) => temperatureC > -60 && temperatureC < 200;

/** Radios and drives have zones too; the model does not run on them. */
const foreignZones = /^(iwlwifi|nvme|battery|charger|pch)/i;

/** Raspberry Pi: the kernel knows only the critical trip point (110 °C), while the firmware slows the clocks from 80 °C on. */
const raspberryPiThrottleC = 80;

/** A board that names only where it shuts down is to be left this much cooler. */
const marginBelowCriticalC = 15;

/** null where the machine has no usable zone. */
export async function readThermal(files: MachineFiles): Promise<Thermal | null> {
  const board = await files.text('proc/device-tree/model');
  const names = (await files.names(zonesFolder)).filter((name) => name.startsWith('thermal_zone'));
  const zones = (await Promise.all(names.map((name) => readZone(files, `${zonesFolder}/${name}`)))).filter((zone) => zone !== null);
  const hottest = zones.toSorted((a, b) => b.temperatureC - a.temperatureC)[0];
  if (hottest === undefined) return null;
  const firmwareC = board?.startsWith('Raspberry Pi') ? raspberryPiThrottleC : null;
  const headrooms = zones.flatMap(({ temperatureC, throttleC }) => {
    const limitC = Math.min(throttleC ?? Number.POSITIVE_INFINITY, firmwareC ?? Number.POSITIVE_INFINITY);
    return Number.isFinite(limitC) ? [limitC - temperatureC] : [];
  });
  return {
    temperatureC: hottest.temperatureC,
    zone: hottest.type,
    headroomC: headrooms.length === 0 ? null : Math.round(Math.min(...headrooms) * 10) / 10,
  };
}

async function readZone(files: MachineFiles, folder: string): Promise<Zone | null> {
  const [type, milli] = await Promise.all([files.text(`${folder}/type`), files.number(`${folder}/temp`)]);
  if (type === null || milli === null || foreignZones.test(type) || !sensible(milli / 1000)) return null;
  return { type, temperatureC: milli / 1000, throttleC: await readThrottle(files, folder) };
}

/**
 * Trip points by kind (Documentation/driver-api/thermal/sysfs-api.rst): `passive` and `hot` slow the processor down, `critical` shuts the
 * board down, `active` only starts a fan. Unset ones stand at zero or below.
 */
async function readThrottle(files: MachineFiles, folder: string): Promise<number | null> {
  const points = (await files.names(folder)).filter((name) => /^trip_point_\d+_type$/.test(name));
  const trips = await Promise.all(
    points.map(async (name) => ({
      kind: await files.text(`${folder}/${name}`),
      milli: await files.number(`${folder}/${name.replace(/_type$/, '_temp')}`),
    })),
  );
  const lowest = (...kinds: readonly string[]) => {
    const found = trips.flatMap(({ kind, milli }) => {
      const known = kind !== null && kinds.includes(kind) && milli !== null && milli > 0 && sensible(milli / 1000);
      return known ? [milli / 1000] : [];
    });
    return found.length === 0 ? null : Math.min(...found);
  };
  const critical = lowest('critical');
  return lowest('passive', 'hot') ?? (critical === null ? null : critical - marginBelowCriticalC);
}
