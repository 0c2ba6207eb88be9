// What the device tells its broker: one listener of the event stream. Takes events, gives messages to the uplink's publishers; what must not be
// lost goes into the outbox inside the transaction that the event belongs to.

import { publishedModel } from '../contract/weights.ts';
import { messageOf } from '../errors.ts';
import type { DeviceEvent, Events } from '../events.ts';
import type { Hardware } from '../host/hardware.ts';
import type { Log } from '../log.ts';
import type { Releases } from '../release/releases.ts';
import { recordOf } from '../tasks/table.ts';
import type { BaseFacts, TrainingReport } from '../types.ts';
import type { Reports } from '../uplink/reports.ts';

export interface MqttOutletPorts {
  readonly device: string;
  /** Versions of this program and of ONNX Runtime. */
  readonly versions: { readonly agent: string; readonly runtime: string };
  readonly base: BaseFacts;
  readonly reports: Reports;
  readonly releases: Releases;
  /** Operations that this device takes over MQTT. */
  readonly capabilities: readonly string[];
  hardware(): Promise<Hardware>;
  /** The report of the last run that ended; null where none did. */
  lastReport(): TrainingReport | null;
  readonly log: Log;
}

export interface MqttOutlet {
  listen(events: Events): void;
  /** The current release: its manifest and, with `chunks`, its weights. Gives the number of chunks. */
  announceRelease(chunks: boolean): Promise<number>;
  /** A broker that forgot what is retained hears it again. */
  announceAll(): Promise<void>;
}

export function createMqttOutlet(ports: MqttOutletPorts): MqttOutlet {
  const { device, versions, base, reports, releases, log } = ports;

  async function announceRelease(chunks: boolean): Promise<number> {
    const version = await releases.current();
    const manifest = version === 'base' ? null : await releases.verify(version);
    const { board, arch, cpus, memoryMb, os, providers } = await ports.hardware();
    reports.publishInfo({
      agent: { name: 'whetstone', version: versions.agent },
      device,
      hardware: { board, arch, cpus, memoryMb: Math.round(memoryMb ?? 0), os },
      runtime: { version: versions.runtime, providers: [...providers] },
      model: { name: base.name, sha256: base.sha256, classes: [...(manifest?.classes ?? base.classes)] },
      release: version,
      capabilities: [...ports.capabilities],
    });
    if (manifest === null) return reports.publishModel(baseManifest(base), null, false);
    return reports.publishModel(publishedModel(manifest), manifest.delta, chunks);
  }

  function tell(event: DeviceEvent): void {
    switch (event.kind) {
      case 'predicted': {
        const { capture, inferred, sample } = event;
        const said = recordOf(inferred.answer).prediction(inferred.answer);
        if (said === null) return;
        const { release, latencyMs } = inferred;
        return reports.publishPrediction({
          timeMs: Math.round(capture.timeMs),
          source: capture.source,
          sample,
          ...said,
          release,
          latencyMs,
        });
      }
      case 'asked': {
        const { capture, sample, answer, shown } = event;
        const thumbnail = shown === null ? null : Buffer.from(shown).toString('base64');
        return reports.publishQuery({
          timeMs: Math.round(capture.timeMs),
          sample,
          source: capture.source,
          ...recordOf(answer).question(answer, 5),
          thumbnail,
        });
      }
      case 'progressed': {
        const { run, done, total, what } = event;
        return reports.publishTraining({ run, done, total, what });
      }
      case 'reported':
        return reports.publishReport(event.report);
      case 'released':
        announceRelease(true).catch((error) => log.error({ error: messageOf(error) }, 'the new release could not be announced'));
        return;
      case 'health': {
        const { thermal, throttling, load1, memory, disk } = event.health;
        return reports.publishHealth({
          temperatureC: thermal?.temperatureC ?? null,
          throttled: [...(throttling?.now ?? [])],
          load1: load1 ?? 0,
          memory: { totalMb: memory.totalMb ?? 0, freeMb: memory.freeMb ?? 0, residentMb: memory.residentMb },
          disk,
          degraded: [...event.degraded],
        });
      }
      case 'labelled':
        return;
    }
  }

  return {
    listen: (events) => events.on(tell, { durable: true }),
    announceRelease,
    async announceAll() {
      await announceRelease(false);
      const report = ports.lastReport();
      if (report !== null) reports.publishReport(report);
    },
  };
}

function baseManifest(base: BaseFacts) {
  const { name, sha256, backbone, cut, bytes, classes, createdAtMs } = base;
  return {
    version: 'base',
    createdAtMs: Math.round(createdAtMs),
    base: { name, sha256, backbone, cut },
    artifact: { bytes, sha256 },
    classes: [...classes],
    learner: 'none',
    origin: 'base',
    run: null,
    scores: { before: null, after: null },
  };
}
