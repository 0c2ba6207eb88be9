// How much of a source is taken: captures and bytes a minute. What never stops (a program gone wild, files by the thousand) is taken evenly up to that,
// and the rest is passed over, counted, and said. Takes sizes and a clock; holds a few numbers, whatever comes.
import type { Clock } from '../types.ts';

export interface BudgetLimits {
  readonly capturesPerMinute: number;
  readonly megabytesPerMinute: number;
}

/** 100 captures a second: more than any board computes. */
export const defaultBudget: BudgetLimits = { capturesPerMinute: 6000, megabytesPerMinute: 512 };

export interface Budget {
  /** Whether a capture of this size may be taken now; it is then accounted for. */
  take(sizeBytes: number): boolean;
  /** One was passed over, for the first time or still. true where none was for some time: worth a line in the log. */
  passOver(isNew?: boolean): boolean;
  /** For people; null where nothing was passed over for a minute. */
  sentence(): string | null;
}

const minuteMs = 60_000;

export function createBudget(limits: BudgetLimits, clock: Pick<Clock, 'monotonicMs'>): Budget {
  const mostBytes = limits.megabytesPerMinute * 1024 * 1024;
  // A minute's worth may come at once, and after that as much as time gives back. One capture may overdraw it, so that none is too large for ever.
  let captures = limits.capturesPerMinute;
  let bytes = mostBytes;
  let lastMs = clock.monotonicMs();
  let passedOver = 0;
  let passedOverMs = Number.NEGATIVE_INFINITY;

  function giveBack(): void {
    const now = clock.monotonicMs();
    const minutes = (now - lastMs) / minuteMs;
    lastMs = now;
    captures = Math.min(limits.capturesPerMinute, captures + minutes * limits.capturesPerMinute);
    bytes = Math.min(mostBytes, bytes + minutes * mostBytes);
  }

  return {
    take(sizeBytes) {
      giveBack();
      if (captures < 1 || bytes <= 0) return false;
      captures -= 1;
      bytes -= sizeBytes;
      return true;
    },
    passOver(isNew = true) {
      const now = clock.monotonicMs();
      const isFirst = now - passedOverMs > minuteMs;
      if (isFirst) passedOver = 0;
      if (isNew) passedOver += 1;
      passedOverMs = now;
      return isFirst;
    },
    sentence() {
      if (clock.monotonicMs() - passedOverMs > minuteMs) return null;
      const { capturesPerMinute, megabytesPerMinute } = limits;
      return `gives more than its budget of ${capturesPerMinute} captures and ${megabytesPerMinute} MB a minute: ${passedOver} passed over`;
    },
  };
}
