// What can be asked of a device, carried out on its store, releases and jobs. The daemon and the command line (while no daemon runs) use the
// same operations; what only a daemon knows comes in through `live`.
import { matchLabel } from '../adapt/class-folders.ts';
import type { ModelCard } from '../config/card.ts';
import { nearestName } from '../config/nearest-name.ts';
import type { Config } from '../config/resolve.ts';
import { WhetError } from '../errors.ts';
import type { Releases } from '../release/releases.ts';
import type { Store } from '../store/store.ts';
import type { Jobs } from '../training/jobs.ts';
import type { Clock, Progress } from '../types.ts';
import type { Device, DeviceStatus, ForgetSelector, Forgotten, SourceState } from './device.ts';

export interface OperationPorts {
  readonly config: Config;
  readonly card: ModelCard;
  readonly store: Store;
  readonly releases: Releases;
  readonly jobs: Jobs;
  readonly clock: Clock;
  /** Makes the current release predict, after a rollback or a purge. */
  switched(version: string): Promise<void>;
  /** Labels or the pause changed: the schedule may decide anew. */
  changed(): void;
  /** What only a running daemon knows; null while none runs. */
  readonly live: Live | null;
  close(): Promise<void>;
}

export interface Live {
  /** Of the monotonic clock. */
  readonly sinceMs: number;
  decision(): string;
  sources(): readonly SourceState[];
  mqtt(): DeviceStatus['mqtt'];
}

const pausedSetting = 'training.paused';

export function isPaused(store: Store): boolean {
  return store.settings.get(pausedSetting) === true;
}

export function createOperations(ports: OperationPorts): Device {
  const { config, card, store, releases, jobs, clock, live } = ports;

  async function status(): Promise<DeviceStatus> {
    const counts = store.labels.counts();
    const last = store.runs.lastFinished();
    const list = await releases.list();
    const classes = list.releases.find(({ version }) => version === list.current)?.classes ?? card.labels;
    return {
      device: config.device,
      running: live !== null,
      upSeconds: live === null ? null : (clock.monotonicMs() - live.sinceMs) / 1000,
      model: { name: card.name, file: config.model, classes },
      release: list.current,
      samples: { total: counts.total, labelled: counts.labelled, byClass: counts.byClass, bytes: store.sizes().sampleBytes },
      questions: store.queries.counts().open,
      training: {
        paused: isPaused(store),
        running: jobs.running,
        decision: live?.decision() ?? null,
        newLabels: store.labels.newSince({ run: last?.id ?? null }),
        last:
          last?.report === null || last === null
            ? null
            : { run: last.id, atMs: last.endedMs ?? last.beganMs, verdict: last.report.verdict.kind, reason: last.report.verdict.reason },
      },
      sources: live?.sources() ?? [],
      mqtt: live?.mqtt() ?? null,
    };
  }

  async function forget(selector: ForgetSelector, progress?: Progress, signal?: AbortSignal): Promise<Forgotten> {
    const { ids } = store.forget(selector);
    ports.changed();
    const { purged, hit } = await purgeTainted(store, releases);
    if (hit) await ports.switched(await releases.current());
    const retrained = hit
      ? await jobs.train('samples were forgotten', {
          unlearning: true,
          ...(progress === undefined ? {} : { progress }),
          ...(signal === undefined ? {} : { signal }),
        })
      : null;
    return { samples: ids.length, purged, current: await releases.current(), retrained };
  }

  return {
    status,
    async questions(limit) {
      return store.queries.open(limit).map(({ sample, source, timeMs, guesses }) => ({ sample, source, timeMs, guesses }));
    },
    async label({ label, samples, by }) {
      if (label !== null) requireClass(label, config, card);
      const given = store.labels.set(samples, label, by, clock.now());
      ports.changed();
      return { label, ...given };
    },
    train: (reason, progress, signal) => {
      return jobs.train(reason, { ...(progress === undefined ? {} : { progress }), ...(signal === undefined ? {} : { signal }) });
    },
    async releases() {
      const { current, releases: all } = await releases.list();
      return { current, releases: all };
    },
    async rollback(version) {
      if (jobs.running)
        throw new WhetError('already-running', 'a training run is under way', { hint: 'Wait until it has ended: `whet status`.' });
      const switched = await releases.rollback(version);
      await ports.switched(switched.current);
      await releases.confirm(switched.current);
      return switched;
    },
    forget,
    async pause(paused) {
      store.settings.set(pausedSetting, paused);
      ports.changed();
      return { paused };
    },
    [Symbol.asyncDispose]: ports.close,
  };
}

/** A label that no class of the model has would close the question and count as new, and nothing would ever be learned from it. */
function requireClass(label: string, { classes }: Config, { labels }: ModelCard): void {
  if (classes !== 'keep' || labels.length < 2 || matchLabel(label, labels) !== null) return;
  const near = nearestName(label, labels);
  const some = labels.length > 12 ? `${labels.slice(0, 12).join(', ')} and ${labels.length - 12} more` : labels.join(', ');
  throw new WhetError('data-unusable', `no class of the model is called '${label}'${near === null ? '' : ` (did you mean '${near}'?)`}`, {
    hint: `Its classes: ${some}. New ones may come with "classes: extend" or "classes: replace" in the configuration.`,
  });
}

/** Removes the releases that learned from forgotten samples; `hit`: the current one was among them. Safe to repeat after a crash. */
export async function purgeTainted(
  store: Store,
  releases: Releases,
): Promise<{ readonly purged: readonly string[]; readonly hit: boolean }> {
  // A run that is under way takes its release back itself, when it finds that it was tainted.
  const runs = store.runs.tainted().filter((run) => store.runs.get(run)?.state !== 'running');
  if (runs.length === 0) return { purged: [], hit: false };
  const { current, releases: all } = await releases.list();
  const versions = all.filter(({ run }) => run !== null && runs.includes(run)).map(({ version }) => version);
  const { removed } = await releases.purge(versions);
  for (const run of runs) store.runs.purged(run);
  return { purged: removed, hit: versions.includes(current) };
}
