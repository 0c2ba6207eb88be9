// The device's side of a broker as one part: the uplink, and the listener that tells it what happens. Does nothing where the configuration
// names no broker.
import type { Config } from '../config/resolve.ts';
import type { CommandTable } from '../contract/command-contract.ts';
import type { DeviceParts, LinkState } from '../engine/parts.ts';
import type { Startable } from '../engine/startable.ts';
import type { DeviceState } from '../engine/state.ts';
import { unlessFull } from '../engine/unless-full.ts';
import { WhetError } from '../errors.ts';
import type { Events } from '../events.ts';
import type { Hardware } from '../host/hardware.ts';
import type { Log } from '../log.ts';
import type { BaseFacts, Clock } from '../types.ts';
import type { RunCommand } from '../uplink/commands.ts';
import { createUplink } from '../uplink/uplink.ts';
import { createMqttOutlet } from './mqtt.ts';
import { uplinkConfig } from './uplink-config.ts';

/** Run of the last report that was told, or had no broker to be told to. */
const reportedSetting = 'report.enqueued';

export interface MqttSidePorts {
  readonly config: Config;
  readonly state: DeviceState;
  readonly base: BaseFacts;
  /** What may be asked of this device, and by which operation. */
  readonly commands: CommandTable;
  /** Versions of this program and of ONNX Runtime. */
  readonly versions: { readonly agent: string; readonly runtime: string };
  hardware(): Promise<Hardware>;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Log;
}

export interface MqttSide extends Pick<DeviceParts, 'announce' | 'receive'> {
  /** `run` carries a command out. */
  start(run: RunCommand): Promise<void>;
  stop: Startable['stop'];
  state(): LinkState | null;
  /** For the watchdog: where there is a broker, its outbox is looked at. */
  isAlive(): boolean;
}

export function createMqttSide(ports: MqttSidePorts): MqttSide {
  const { config, state, events, log } = ports;
  const { store } = state;
  const mqtt = config.mqtt === null ? null : join(ports, config.mqtt);
  events.on((event) => {
    if (event.kind === 'reported') store.settings.set(reportedSetting, event.report.run);
  });

  /** A run that the command line made while no daemon ran. */
  function announceMissedReport(): void {
    const report = store.runs.lastFinished()?.report ?? null;
    if (report === null || store.settings.get(reportedSetting) === report.run) return;
    store.transaction(() => events.emit({ kind: 'reported', report }));
  }

  return {
    announce: async () => (await mqtt?.outlet.announceRelease(true)) ?? 0,
    async receive(source, signal) {
      if (mqtt !== null) return mqtt.uplink.remoteWeights(source, signal);
      throw new WhetError('usage', 'no broker is configured to fetch weights from', { hint: 'Hand the weights over in the command.' });
    },
    state() {
      if (mqtt === null) return null;
      const { connected, waiting, dropped, refused, failure } = mqtt.uplink.counters;
      return { connected, waiting, dropped, refused, failure };
    },
    async start(run) {
      if (mqtt === null) return;
      mqtt.uplink.start({
        run,
        forgotten: () => void mqtt.outlet.announceAll().catch((error) => log.error({ error }, 'what is retained could not be said again')),
      });
      await unlessFull(log, 'the release is announced at the next start', () => mqtt.outlet.announceRelease(false));
      await unlessFull(log, 'the last report is told at the next start', announceMissedReport);
    },
    stop: () => mqtt?.uplink.stop(),
    isAlive: () => mqtt?.uplink.isAlive() ?? true,
  };
}

function join({ config, state, base, commands, versions, hardware, events, clock, log }: MqttSidePorts, mqtt: NonNullable<Config['mqtt']>) {
  const { store, releases } = state;
  const uplink = createUplink(uplinkConfig(config, mqtt), {
    outbox: store.outbox,
    commandLog: store.commands,
    taken: { commands, allowed: mqtt.commands },
    readWeights: (version, offset, length) => releases.readDelta(version, offset, length),
    log,
    clock,
  });
  const outlet = createMqttOutlet({
    device: config.device,
    versions,
    base,
    reports: uplink,
    releases,
    capabilities: mqtt.commands,
    hardware,
    lastReport: () => store.runs.lastFinished()?.report ?? null,
    log,
  });
  outlet.listen(events);
  return { uplink, outlet };
}
