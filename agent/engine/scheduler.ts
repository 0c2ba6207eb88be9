// Runs loop 2 when `schedule.ts` says so: gathers the facts, asks, trains. Looks again whenever something changed, and once a minute.
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type CalendarClock, createCalendar } from './calendar.ts';
import { decide, type ScheduleDecision, type ScheduleFacts } from './schedule.ts';

export interface SchedulerPorts {
  /** Everything but what the scheduler itself knows. */
  facts(): Omit<ScheduleFacts, 'due' | 'retryInMs'>;
  train(reason: string): Promise<unknown>;
  readonly log: Log;
  readonly clock: CalendarClock;
}

export interface Scheduler {
  start(): void;
  stop(): void;
  /** Labels, the pause or a run changed: decide anew, once it has been quiet for a moment. */
  wake(): void;
  /** Why it trains or waits, as a sentence. */
  readonly decision: string;
  /** For the watchdog: it has looked lately. */
  isAlive(): boolean;
}

const lookEveryMs = 60_000;
/** A look takes a moment; one that is so late will not come. */
const latestLookMs = 5 * lookEveryMs;
const firstRetryMs = 60_000;
const slowestRetryMs = 6 * 3_600_000;
/** Labels come in handfuls; a run begun after the first would miss the rest. */
const settleMs = 3000;

/** `cron` null: a run may start at any time. */
export function createScheduler(cron: string | null, { facts, train, log, clock }: SchedulerPorts): Scheduler {
  const calendar = cron === null ? null : createCalendar(cron, clock);
  let due = calendar === null;
  let retryAtMs = 0;
  let retryMs = firstRetryMs;
  let timer: NodeJS.Timeout | undefined;
  let settling: NodeJS.Timeout | undefined;
  /** Of the monotonic clock; when the last look came to an end. */
  let lookedMs = clock.monotonicMs();
  let decision: ScheduleDecision = { kind: 'wait', reason: 'starting' };

  function look(): void {
    try {
      if (calendar?.look()) due = true;
      decision = decide({ ...facts(), due, retryInMs: Math.max(0, retryAtMs - clock.monotonicMs()) });
    } catch (error) {
      // Timers call this: thrown from here it would end the daemon, which still collects and predicts.
      decision = { kind: 'wait', reason: `the facts to decide by cannot be read: ${messageOf(error)}` };
      log.error({ error: messageOf(error) }, 'the schedule cannot be looked at');
    }
    if (decision.kind === 'train') run(decision.reason);
    lookedMs = clock.monotonicMs();
  }

  function run(reason: string): void {
    due = calendar === null;
    train(reason)
      .then(
        () => {
          retryMs = firstRetryMs;
        },
        (error) => {
          // What failed once, fails again at once: a full disk, too little memory. It stays due: its slot of the calendar was not used.
          due = true;
          retryAtMs = clock.monotonicMs() + retryMs;
          retryMs = Math.min(retryMs * 4, slowestRetryMs);
          log.error({ error: messageOf(error) }, 'a training run failed');
        },
      )
      .finally(() => {
        if (timer !== undefined) look();
      });
  }

  return {
    start() {
      timer = setInterval(look, lookEveryMs);
      look();
    },
    stop() {
      clearInterval(timer);
      clearTimeout(settling);
      timer = undefined;
    },
    wake() {
      if (timer === undefined) return;
      clearTimeout(settling);
      settling = setTimeout(look, settleMs);
    },
    isAlive: () => timer === undefined || clock.monotonicMs() - lookedMs < latestLookMs,
    get decision() {
      // What was decided a minute ago may hold no more; a look that would train is left to the next look.
      try {
        const now = decide({ ...facts(), due, retryInMs: Math.max(0, retryAtMs - clock.monotonicMs()) });
        return timer === undefined ? decision.reason : now.kind === 'train' ? `about to begin: ${now.reason}` : now.reason;
      } catch {
        return decision.reason;
      }
    },
  };
}
