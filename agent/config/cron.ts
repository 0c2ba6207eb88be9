// What is wrong with a cron expression, in words. Takes text as node-cron reads it (five fields, six with seconds, or @daily and the like).
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
