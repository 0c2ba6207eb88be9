// A capture program that is started again whenever it ends or stalls, ever more slowly while it delivers nothing. Takes one run of it as a
// function; tells the log and the status, and never throws.
import { pause, type SourceContext, type SourceStatus } from './source.ts';

export interface Restarts {
  readonly name: string;
  /** The first pause before the program is started again, and the longest. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export interface Run {
  /** Why it ended, as a sentence. */
  readonly reason: string;
  /** Whether anything useful came of it. */
  readonly delivered: boolean;
}

/** Resolves after the signal, when the last run has ended. */
export async function keepRunning(
  { name, retryMinMs, retryMaxMs }: Restarts,
  run: () => Promise<Run>,
  { log }: SourceContext,
  update: (change: Partial<SourceStatus>) => void,
  signal: AbortSignal,
): Promise<void> {
  let retryMs = retryMinMs;
  let toldReason: string | null = null;
  while (!signal.aborted) {
    const { reason, delivered } = await run();
    if (signal.aborted) return;
    update({ state: 'degraded', lastError: reason });
    // A program that delivered is worth a quick try; one that never does is not.
    if (delivered) retryMs = retryMinMs;
    // Said once, not every half minute of a night; what the program printed behind the colon holds times and process numbers.
    const [kind = reason] = reason.split(': ');
    log[kind === toldReason ? 'debug' : 'warn']({ source: name, reason, retryMs }, 'capture program will be started again');
    toldReason = kind;
    await pause(retryMs, signal);
    retryMs = Math.min(retryMs * 2, retryMaxMs);
  }
}
