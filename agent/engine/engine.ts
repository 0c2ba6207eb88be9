// The parts of a device, joined: store, releases, activation, jobs. The daemon puts sources, a schedule, operations and outlets around it; the
// command line uses it as it is while no daemon runs. Nothing runs before it is asked.
import type { Config } from '../config/resolve.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import { createActivation } from '../release/activation.ts';
import { createJobs } from '../training/jobs.ts';
import { type OwedTraining, owedTraining, oweTraining } from '../training/owed.ts';
import type { BaseFacts, Clock, TailChoice } from '../types.ts';
import type { EngineParts } from './parts.ts';
import { purgeTainted } from './purge-tainted.ts';
import { withReserve } from './reserve.ts';
import type { DeviceState } from './state.ts';
import { unlessFull } from './unless-full.ts';
import { createViewKeeper, type ViewKeeper } from './view-keeper.ts';

export interface EnginePorts extends Pick<EngineParts, 'infer' | 'answers' | 'receive' | 'announce'> {
  readonly config: Config;
  readonly state: DeviceState;
  readonly base: BaseFacts;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: Events;
  /** Makes a release predict; throws where it cannot. Its first health check. */
  use(choice: TailChoice): Promise<void>;
  /** Features of a capture as it might have been; `what` it is called. */
  embedViews(raw: Uint8Array, what: string): Promise<readonly Float32Array[]>;
  /** Resolves when every labelled capture has features of the base model, or the signal came. */
  embedded(signal: AbortSignal): Promise<void>;
}

export interface Engine {
  readonly viewKeeper: ViewKeeper;
  readonly parts: EngineParts;
  /** A sentence where the release that was current at start does not predict, until another one takes its place. */
  degraded(): readonly string[];
  /** A training that is owed, also one that a full disk had no room to note. */
  owed(): OwedTraining | null;
  /** What is current predicts, or what fits in its place; what a crash left of forgetting is finished. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** What a device owes whose current release does not fit the base model any more. */
const baseChanged: OwedTraining = { reason: 'the base model changed', unlearning: null };

export function createEngine(ports: EnginePorts): Engine {
  const { config, state, base, clock, log, events, announce, infer, answers, receive } = ports;
  const { card, store, releases, places } = state;
  let degraded: readonly string[] = [];
  const viewKeeper = createViewKeeper({ store, backbone: base.backbone, embedViews: ports.embedViews, log });
  const activation = createActivation({
    releases,
    base,
    keep: Math.max(0, config.retention.releases - 2),
    log,
    use: ports.use,
    async changed(version) {
      degraded = [];
      log.info({ release: version }, 'another release predicts');
      events.emit({ kind: 'released', version });
    },
    leaving(version, reason) {
      log.error({ release: version, reason }, 'the current release cannot predict');
      // Whoever starts first finds it: a command while no daemon runs leaves a release behind as a daemon does.
      oweTraining(store.settings, baseChanged);
    },
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
      await ports.embedded(signal);
      await viewKeeper.settled(signal);
    },
  });
  const changed = () => {
    viewKeeper.wake();
    events.emit({ kind: 'labelled' });
  };
  return {
    viewKeeper,
    parts: { config, card, base, store, releases, activation, jobs, clock, changed, announce, infer, answers, receive },
    degraded: () => degraded,
    owed: () => owedTraining(store.settings) ?? (degraded.length === 0 ? null : baseChanged),
    async start() {
      await unlessFull(log, 'releases that learned from forgotten samples go at the next start', () =>
        withReserve(places.reserve, log, () => purgeTainted(store, releases)),
      );
      const { current, leftBehind } = await activation.start();
      if (leftBehind !== null) degraded = [`release: ${leftBehind}; ${current} predicts`];
    },
    async stop() {
      await jobs.stop();
      await viewKeeper.stop();
    },
  };
}
