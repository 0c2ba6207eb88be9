// What every source of captures is. A constructor does nothing; `start` acquires and `stop` releases, and both can be called after a
// partial start. A source that fails is degraded and tries again by itself; it never ends the daemon, so `start` does not reject.
import type { Log } from '../log.ts';
import type { Capture, Clock } from '../types.ts';

export interface Source {
  /** Name in the configuration. */
  readonly name: string;
  readonly kind: string;
  start(context: SourceContext): Promise<void>;
  /** Resolves when nothing is held any more, within a few seconds. */
  stop(): Promise<void>;
  status(): SourceStatus;
}

export interface SourceContext {
  /**
   * Resolves when the capture is taken: the backpressure of the collect loop. Rejects when it could not be taken and is worth another
   * try; a source that can (a folder) offers it again.
   */
  emit(capture: Capture): Promise<void>;
  /** Whether a capture of this origin was taken before, perhaps before a restart. */
  seen(origin: string): boolean;
  readonly log: Log;
  readonly clock: Clock;
}

export interface SourceStatus {
  readonly state: 'running' | 'degraded' | 'stopped';
  /** When the last capture was taken, in milliseconds since the epoch; null before the first. */
  readonly lastCaptureMs: number | null;
  /** Captures that were taken. */
  readonly captures: number;
  /** What should have been taken and was not: broken frames, files that cannot be used, utterances that nobody had time for. */
  readonly dropped: number;
  /** Frames that came faster than they are wanted: no fault. */
  readonly passedOver: number;
  /** The last thing that went wrong, as a sentence; null while nothing is wrong. */
  readonly lastError: string | null;
}

/** Time as it passes, cut short by the signal. Resolves in both cases. */
export function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, durationMs);
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}

/** What `promise` gives, or 'aborted' when the signal comes first: whoever stops does not wait for others. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | 'aborted'> {
  if (signal.aborted) return 'aborted';
  const aborted = Promise.withResolvers<'aborted'>();
  const onAbort = () => aborted.resolve('aborted');
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
