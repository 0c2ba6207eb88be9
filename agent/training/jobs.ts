// One training run from wish to release: begun in the store, learned by the trainer process, activated, reported. Runs follow one another, and
// so does everything else that changes what predicts; whatever fails leaves the current release where it is.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelCard } from '../config/card.ts';
import type { Config } from '../config/resolve.ts';
import { messageOf, WhetError } from '../errors.ts';
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import type { Activation } from '../release/activation.ts';
import type { Releases } from '../release/releases.ts';
import type { Store } from '../store/store.ts';
import type { Clock, Progress, ReleaseManifest, TrainingReport } from '../types.ts';
import { looksOf, momentRules } from './moments.ts';
import { settleTraining } from './owed.ts';
import type { TrainingJob } from './protocol.ts';
import { runTrainer } from './trainer-process.ts';

export interface JobPorts {
  readonly config: Config;
  readonly card: ModelCard;
  readonly database: string;
  readonly candidates: string;
  readonly store: Store;
  readonly releases: Releases;
  readonly activation: Activation;
  readonly events: Pick<Events, 'emit'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Before a run reads the store: what it will look for there is put there. Gives up when the signal comes. */
  prepare(signal: AbortSignal): Promise<void>;
}

/** Training again without forgotten samples, by the memory that the release which learned from them went by. */
export type Unlearning = Pick<ReleaseManifest, 'roomBytes'>;

export interface Jobs {
  train(
    reason: string,
    options?: { readonly unlearning?: Unlearning; readonly progress?: Progress; readonly signal?: AbortSignal },
  ): Promise<TrainingReport>;
  /** Work that changes what predicts, once the run under way has ended. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
  readonly running: boolean;
  /** Ends the run under way, if there is one. */
  stop(): Promise<void>;
}

export function createJobs(ports: JobPorts): Jobs {
  const { config, store, releases, activation, events, clock, log } = ports;
  const stopping = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  let running = false;

  /** One after the other, in the order asked for. */
  function queued<T>(work: () => Promise<T>): Promise<T> {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  }

  async function currentSeen(version: string): Promise<readonly string[]> {
    if (version === 'base') return [];
    const { run } = await releases.verify(version);
    return run === null ? [] : store.moments.companions(store.runs.trainedOn(run));
  }

  async function jobOf(run: string, reason: string, unlearning: Unlearning | null): Promise<TrainingJob> {
    const now = await activation.current();
    const candidateDir = join(ports.candidates, run);
    await mkdir(candidateDir, { recursive: true });
    const { learner, engine, gradient, minPerClass, nice } = config.training;
    return {
      run,
      reason,
      startedAtMs: clock.now(),
      database: ports.database,
      modelPath: config.model,
      card: ports.card,
      cut: config.cut,
      classes: config.classes,
      learner,
      engine,
      gradient,
      gate: config.gate,
      minPerClass,
      threads: config.threads,
      nice,
      seed: 1,
      current: now,
      currentSeen: await currentSeen(now.version),
      known: now.version === 'base' ? null : join(releases.directory(now.version), 'master.safetensors'),
      looks: looksOf(store.settings).at(now.version),
      unlearning: unlearning !== null,
      roomBytes: unlearning?.roomBytes ?? null,
      candidateDir,
    };
  }

  async function run(reason: string, unlearning: Unlearning | null, progress: Progress, signal: AbortSignal): Promise<TrainingReport> {
    const id = runId(clock.now());
    // Runs follow one another: one that still counts as under way was cut off, and the start had no room to say so.
    store.runs.interruptUnfinished(clock.now());
    store.runs.begin(id, reason, clock.now());
    try {
      await ports.prepare(signal);
      store.moments.assign(momentRules(config, ports.card));
      const job = await jobOf(id, reason, unlearning);
      const told: Progress = (done, total, what) => {
        progress(done, total, what);
        events.emit({ kind: 'progressed', run: id, done, total, what });
      };
      const outcome = await runTrainer(job, told, signal);
      const { tainted } = store.runs.learnedFrom(id, outcome.trainedOn);
      if (tainted) throw forgottenMeanwhile();
      const release = outcome.candidate === null ? null : await releases.add(outcome.candidate, filesIn(job.candidateDir));
      if (release !== null) await activation.activate(release.version);
      if (store.runs.get(id)?.tainted) await takeBack(release);
      const report: TrainingReport = { ...outcome.report, release: release?.version ?? null };
      store.transaction(() => {
        store.runs.finish(id, report, clock.now());
        settleTraining(store.settings, { unlearned: unlearning !== null });
        looksOf(store.settings).keep(job.current.version, outcome.look);
        events.emit({ kind: 'reported', report });
      });
      await forgetOldRuns();
      return report;
    } catch (error) {
      store.runs.fail(id, messageOf(error), clock.now());
      throw error;
    } finally {
      await rm(join(ports.candidates, id), { recursive: true, force: true });
      eraseForgotten();
    }
  }

  /** What was forgotten while the trainer read the store still stands in its log; nobody reads now. */
  function eraseForgotten(): void {
    try {
      store.checkpoint();
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the log of the database could not be emptied after a run');
    }
  }

  /** Samples were forgotten after the run had named what it learned from: its release goes before anybody hears of it. */
  async function takeBack(release: ReleaseManifest | null): Promise<never> {
    if (release !== null) {
      await releases.purge([release.version]);
      await activation.useCurrent();
    }
    throw forgottenMeanwhile();
  }

  /** The run is over and reported, whatever comes of tidying up. */
  async function forgetOldRuns(): Promise<void> {
    try {
      const kept = (await releases.list()).releases.flatMap(({ run }) => (run === null ? [] : [run]));
      store.runs.prune(kept, 200);
    } catch (error) {
      log.error({ error: messageOf(error) }, 'old runs could not be removed');
    }
  }

  return {
    train(reason, options = {}) {
      if (running) options.progress?.(0, null, 'waiting for the run under way');
      const work = async () => {
        // Runs follow one another: the time of this one begins now, and a device that stops begins no more.
        const limit = AbortSignal.timeout(config.training.maxMinutes * 60_000);
        const signals = [stopping.signal, limit, ...(options.signal === undefined ? [] : [options.signal])];
        if (stopping.signal.aborted) throw new WhetError('trainer-failed', `the run did not begin: ${String(stopping.signal.reason)}`);
        running = true;
        try {
          return await run(reason, options.unlearning ?? null, options.progress ?? (() => {}), AbortSignal.any(signals));
        } finally {
          running = false;
        }
      };
      return queued(work);
    },
    exclusive: queued,
    get running() {
      return running;
    },
    async stop() {
      stopping.abort('the daemon stops');
      await last;
    },
  };
}

function forgottenMeanwhile(): WhetError {
  return new WhetError('trainer-failed', 'samples that this run learned from were forgotten meanwhile', { hint: 'Train again.' });
}

function filesIn(directory: string) {
  const file = (name: string) => ({ path: join(directory, name) });
  return { artifact: file('model.onnx'), delta: file('delta.safetensors'), master: file('master.safetensors'), card: file('card.json') };
}

/** Sortable and readable: the time to the second and a few random digits. */
function runId(nowMs: number): string {
  const random = Math.floor(Math.random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0');
  return `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}-${random}`;
}
