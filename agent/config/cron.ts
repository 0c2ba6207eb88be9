// Cron expressions as node-cron reads them (five fields, six with seconds, or @daily and the like): what is wrong with one, in words, and
// whether a time on the wall clock is one of its slots. The package only computes; when to look is the scheduler's part.
import { createTask, validateDetailed } from 'node-cron';

/** null where the expression is one. */
export function cronFault(expression: string): string | null {
  const { valid, errors } = validateDetailed(expression);
  if (valid) return null;
  const reasons = errors.map(({ field, message }) => (field === 'expression' ? message : `${field}: ${message}`));
  return `is not a cron expression: ${reasons.join('; ')}`;
}

/** Seconds between the next runs of a valid expression, the shortest of a few. */
export function shortestIntervalSeconds(expression: string): number {
  const task = createTask(expression, () => {});
  try {
    const times = task.getNextRuns(12).map((date) => date.getTime());
    return Math.min(...times.slice(1).map((time, index) => (time - times[index]!) / 1000));
  } finally {
    void task.destroy();
  }
}

export interface CronSlots {
  /** Whether a slot lies after `from` and not after `to`: milliseconds of the wall clock read as if it were UTC, so that no zone has a say. */
  liesBetween(fromWallMs: number, toWallMs: number): boolean;
  /** It names no hour: it goes by time that passes, also in an hour that the clock shows twice. */
  readonly everyHour: boolean;
}

/** Takes a valid expression. */
export function cronSlots(expression: string): CronSlots {
  const task = createTask(expression, () => {}, { timezone: 'UTC' });
  const fields = expression.trim().split(/\s+/);
  const stepMs = fields.length === 6 ? 1000 : 60_000;
  const hours = fields.length === 6 ? fields[2]! : fields[1];
  return {
    liesBetween(fromWallMs, toWallMs) {
      for (let slot = Math.floor(fromWallMs / stepMs) * stepMs + stepMs; slot <= toWallMs; slot += stepMs) {
        if (task.match(new Date(slot))) return true;
      }
      return false;
    },
    everyHour: hours?.startsWith('*') ?? /^@hourly/i.test(fields[0]!),
  };
}
