// The parts of a device, joined: store, releases, activation, jobs, and the operations on them. The daemon puts sources, a schedule and outlets
// around it; the command line uses it as it is while no daemon runs. Nothing runs before it is asked.
import type { Config } from '../config/resolve.ts';
import type { Log } from '../log.ts';
import { purgeTainted } from '../operations/forget.ts';
import type { DeviceParts, Live } from '../operations/parts.ts';
import { type Device, deviceOf, runOperation } from '../operations/table.ts';
import { type Activation, createActivation, type Started } from '../release/activation.ts';
import { createJobs, type Jobs } from '../training/jobs.ts';
import type { BaseFacts, Clock, TailChoice } from '../types.ts';
import type { Assembly } from './assemble.ts';
import { createEvents, type Events } from './events.ts';
import { withReserve } from './reserve.ts';
import { unlessFull } from './unless-full.ts';
import { createViewKeeper, type ViewKeeper } from './view-keeper.ts';

export interface EnginePorts {
  readonly config: Config;
  readonly assembly: Assembly;
  readonly base: BaseFacts;
  readonly clock: Clock;
  readonly log: Log;
  /** Makes a release predict; throws where it cannot. Its first health check. */
  use(choice: TailChoice): Promise<void>;
  /** Features of a capture as it might have been. */
  embedViews(raw: Uint8Array): Promise<readonly Float32Array[]>;
  /** Resolves when every labelled capture has features of the base model, or the signal came. */
  embedded(signal: AbortSignal): Promise<void>;
  readonly infer: DeviceParts['infer'];
  readonly answers: DeviceParts['answers'];
  readonly receive: DeviceParts['receive'];
  readonly announce: DeviceParts['announce'];
  /** null while no daemon runs. */
  readonly live: Live | null;
}

export interface Engine {
  readonly events: Events;
  readonly activation: Activation;
  readonly jobs: Jobs;
  readonly viewKeeper: ViewKeeper;
  readonly parts: DeviceParts;
  /** What is current predicts, or what fits in its place; what a crash left of forgetting is finished. */
  start(): Promise<Started>;
  stop(): Promise<void>;
}

export function createEngine({
  config,
  assembly,
  base,
  clock,
  log,
  use,
  embedViews,
  embedded,
  infer,
  answers,
  receive,
  announce,
  live,
}: EnginePorts): Engine {
  const { card, store, releases, places } = assembly;
  const events = createEvents(log);
  const viewKeeper = createViewKeeper({ store, backbone: base.backbone, embedViews, log });
  const activation = createActivation({
    releases,
    base,
    keep: Math.max(0, config.retention.releases - 2),
    log,
    use,
    changed: async (version) => events.emit({ kind: 'released', version }),
  });
  const jobs = createJobs({
    config,
    card,
    database: places.database,
    candidates: places.candidates,
    store,
    releases,
    activation,
    clock,
    log,
    events,
    async prepare(signal) {
      await embedded(signal);
      await viewKeeper.settled(signal);
    },
  });
  const changed = () => {
    viewKeeper.wake();
    events.emit({ kind: 'labelled' });
  };
  const parts: DeviceParts = {
    config,
    card,
    base,
    store,
    releases,
    activation,
    jobs,
    clock,
    changed,
    announce,
    infer,
    answers,
    receive,
    live,
  };
  return {
    events,
    activation,
    jobs,
    viewKeeper,
    parts,
    async start() {
      await unlessFull(log, 'releases that learned from forgotten samples go at the next start', () =>
        withReserve(places.reserve, log, () => purgeTainted(store, releases)),
      );
      return activation.start();
    },
    async stop() {
      await jobs.stop();
      await viewKeeper.stop();
    },
  };
}

/** A device whose operations run here. */
export function localDevice(parts: DeviceParts, close: () => Promise<void>): Device {
  return deviceOf((name, args, options) => runOperation(parts, name, args, options), close);
}
