// MQTT commands → operations of the device: one entry a command. Payloads have passed their schema; errors thrown become error answers.

import type { CommandPayload } from '../uplink/command-contract.ts';
import type { CommandHandlers } from '../uplink/commands.ts';
import type { Device, ForgetSelector } from './device.ts';

export interface CommandPorts {
  readonly device: Device;
  /** Publishes the current release again; its version and number of chunks. */
  snapshot(): Promise<{ readonly version: string; readonly chunks: number }>;
  deploy(payload: CommandPayload<'deploy'>, signal: AbortSignal): Promise<{ readonly version: string; readonly reason: string }>;
}

export function commandHandlers({ device, snapshot, deploy }: CommandPorts): CommandHandlers {
  return {
    async label(payload) {
      const wanted = 'samples' in payload ? payload.samples : [payload];
      const unknown: string[] = [];
      let labelled = 0;
      for (const { sample, label } of wanted) {
        const given = await device.label({ label, samples: [sample], by: 'mqtt' });
        labelled += given.labelled;
        unknown.push(...given.unknown);
      }
      return { ok: true, labelled, unknown };
    },
    async train({ reason }, { signal }) {
      const { run, verdict, release } = await device.train(reason ?? 'asked for over MQTT', undefined, signal);
      return { ok: true, run, verdict, release };
    },
    async pause() {
      await device.pause(true);
      return { ok: true, paused: true };
    },
    async resume() {
      await device.pause(false);
      return { ok: true, paused: false };
    },
    async rollback({ version }) {
      return { ok: true, ...(await device.rollback(version)) };
    },
    async snapshot() {
      return { ok: true, ...(await snapshot()) };
    },
    async deploy(payload, { signal }) {
      const { version, reason } = await deploy(payload, signal);
      return { ok: true, version, verdict: { kind: 'accepted', reason } };
    },
    async forget(payload, { signal }) {
      const { samples, purged, current } = await device.forget(selectorOf(payload), undefined, signal);
      return { ok: true, samples, purged: [...purged], current };
    },
  };
}

function selectorOf({ samples, label, source, before, after }: CommandPayload<'forget'>): ForgetSelector {
  return {
    ...(samples === undefined ? {} : { samples }),
    ...(label === undefined ? {} : { label }),
    ...(source === undefined ? {} : { source }),
    ...(before === undefined ? {} : { beforeMs: Date.parse(before) }),
    ...(after === undefined ? {} : { afterMs: Date.parse(after) }),
  };
}
