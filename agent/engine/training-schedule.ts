// When this device trains by itself: the schedule of its configuration, asked with what the device knows.
import type { Events } from '../events.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../store/settings.ts';
import type { Store } from '../store/store.ts';
import { localOffset } from './calendar.ts';
import type { EngineParts } from './parts.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';

/** `headroomC`: degrees below the machine's limit, null where it does not say. */
export function createTrainingSchedule(
  { config, store, jobs, clock }: EngineParts,
  headroomC: () => number | null,
  events: Pick<Events, 'on'>,
  log: Log,
): Scheduler {
  const scheduler = createScheduler(config.training.schedule, {
    facts: () => ({
      paused: isPaused(store.settings),
      training: jobs.running,
      newLabels: store.labels.newSince({ run: store.runs.lastLearned() }),
      missing: missingOf(store),
      minNewLabels: config.training.minNewLabels,
      thermalHeadroomC: headroomC(),
    }),
    train: (reason) => jobs.train(reason),
    log,
    clock: { ...clock, offsetMinutes: localOffset },
  });
  events.on((event) => {
    if (event.kind === 'labelled') scheduler.wake();
  });
  return scheduler;
}

/** A run that could not learn uses no labels up, and is not worth another try before the next label. */
function missingOf(store: Store): string | null {
  const last = store.runs.lastFinished();
  if (last?.report === null || last === null || last.report.learner !== null) return null;
  return store.labels.newSince({ run: last.id }) > 0 ? null : last.report.verdict.reason;
}

const pausedSetting = 'training.paused';

/** Outlives the daemon. */
export function isPaused(settings: Settings): boolean {
  return settings.get(pausedSetting) === true;
}

export function setPaused(settings: Settings, paused: boolean): void {
  settings.set(pausedSetting, paused);
}
