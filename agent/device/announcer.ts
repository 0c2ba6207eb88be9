// What the device tells the world, in its own terms; silent where no broker is configured. Takes records of the loops, gives messages to the
// uplink's publishers.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Hardware } from '../host/hardware.ts';
import type { Health } from '../host/health.ts';
import type { Inferred } from '../inference/protocol.ts';
import type { Capture, ClassScore, ReleaseManifest, TrainingReport } from '../types.ts';
import { commands } from '../uplink/command-contract.ts';
import type { Reports } from '../uplink/reports.ts';
import { publishedModel } from '../uplink/weights.ts';

/** The base model, where it is itself what predicts. */
export interface BaseFacts {
  readonly name: string;
  readonly sha256: string;
  readonly backbone: string;
  readonly cut: string;
  readonly bytes: number;
  readonly classes: readonly string[];
  readonly createdAtMs: number;
}

export interface Announcer {
  predicted(sample: string | null, capture: Capture, inferred: Inferred): void;
  asked(sample: string, capture: Capture, scores: readonly ClassScore[], shown: Uint8Array | null): void;
  reported(report: TrainingReport): void;
  progressed(run: string, done: number, total: number | null, what: string): void;
  /** The current release: its manifest and, with `chunks`, its weights; null is the base model. Gives the number of chunks. */
  model(manifest: ReleaseManifest | null, chunks: boolean): Promise<number>;
  info(hardware: Hardware, release: string, classes: readonly string[]): void;
  health(health: Health, degraded: readonly string[]): void;
}

/** `directory` gives the folder of a release's files. */
export function createAnnouncer(
  device: string,
  version: string,
  runtimeVersion: string,
  base: BaseFacts,
  reports: Reports | null,
  directory: (release: string) => string,
): Announcer {
  return {
    predicted(sample, capture, inferred) {
      const [best] = inferred.scores;
      if (best === undefined) return;
      const { release, latencyMs } = inferred;
      reports?.publishPrediction({
        timeMs: Math.round(capture.timeMs),
        source: capture.source,
        sample,
        label: best.label,
        confidence: best.confidence,
        release,
        latencyMs,
      });
    },
    asked(sample, capture, scores, shown) {
      const thumbnail = shown === null ? null : Buffer.from(shown).toString('base64');
      reports?.publishQuery({ timeMs: Math.round(capture.timeMs), sample, source: capture.source, guesses: scores.slice(0, 5), thumbnail });
    },
    reported: (report) => reports?.publishReport(report),
    progressed: (run, done, total, what) => reports?.publishTraining({ run, done, total, what }),
    async model(manifest, chunks) {
      if (reports === null) return 0;
      if (manifest === null) return reports.publishModel(baseManifest(base), null, false);
      return reports.publishModel(publishedModel(manifest), await readFile(join(directory(manifest.version), manifest.delta.file)), chunks);
    },
    info(hardware, release, classes) {
      const { board, arch, cpus, memoryMb, os, providers } = hardware;
      reports?.publishInfo({
        agent: { name: 'whetstone', version },
        device,
        hardware: { board, arch, cpus, memoryMb: Math.round(memoryMb ?? 0), os },
        runtime: { version: runtimeVersion, providers: [...providers] },
        model: { name: base.name, sha256: base.sha256, classes: [...classes] },
        release,
        capabilities: Object.keys(commands),
      });
    },
    health(health, degraded) {
      const { thermal, throttling, load1, memory, disk } = health;
      reports?.publishHealth({
        temperatureC: thermal?.temperatureC ?? null,
        throttled: [...(throttling?.now ?? [])],
        load1: load1 ?? 0,
        memory: { totalMb: memory.totalMb ?? 0, freeMb: memory.freeMb ?? 0, residentMb: memory.residentMb },
        disk,
        degraded: [...degraded],
      });
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
