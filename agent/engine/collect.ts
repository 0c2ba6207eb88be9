// Loop 1: capture → preprocess → backbone → store → prediction out, and now and then a question to a person. Takes captures from any
// source, gives nothing back; what cannot be used is counted, said once and dropped.
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { isUnreadable } from '../preprocess/capture-input.ts';
import { recordOf } from '../tasks/table.ts';
import type { Capture, Clock, Inferred } from '../types.ts';

/** What a stored sample consists of; the store's own type has the same shape. */
export interface CollectedSample {
  readonly capture: Capture;
  readonly inferred: Inferred;
}

export interface CollectPorts {
  /** Throws `disk-full` where there is no room for a labelled capture: nobody runs a model over what cannot be kept. */
  requireRoom(capture: Capture): void;
  infer(capture: Capture): Promise<Inferred>;
  /** Whether a sample of this source that was stored a moment ago looks nearly the same, and the model says nearly the same of it. */
  isDuplicate(capture: Capture, inferred: Inferred): boolean;
  /** Durable when it returns, where a label or a file stands behind it, and else within seconds; throws `disk-full` where labelled samples fill the store. */
  add(sample: CollectedSample): string;
  /** Remembers an origin whose capture is not stored, so that it is not tried again at every start. */
  remember(origin: string): void;
  predicted(sample: string | null, capture: Capture, inferred: Inferred): void;
  /** Whether a question may be asked now: the hourly budget is not spent, and nobody was asked about a capture like it. */
  mayAsk(timeMs: number, capture: Capture, inferred: Inferred): boolean;
  ask(sample: string, capture: Capture, inferred: Inferred): Promise<void>;
}

export interface CollectCounters {
  readonly captures: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly unusable: number;
  readonly dropped: number;
}

export interface Collect {
  /**
   * Resolves when the capture is stored, or known to be useless. Throws where it may be offered again (no worker, no room): a folder
   * does, a camera goes on with its next frame.
   */
  take(capture: Capture): Promise<void>;
  readonly counters: CollectCounters;
  /** For the watchdog: no capture has been under way for longer than any takes. */
  isAlive(): boolean;
}

/** Decoding, inference and a full disk's retries take seconds; what takes this long will not end. */
const longestMs = 10 * 60_000;

export function createCollect(ports: CollectPorts, askBelow: number, log: Log, clock: Clock): Collect {
  const counters = { captures: 0, stored: 0, duplicates: 0, unusable: 0, dropped: 0 };

  const underWay = new Set<{ readonly sinceMs: number }>();

  function keep(sample: CollectedSample): string {
    try {
      return ports.add(sample);
    } catch (error) {
      // A full disk ends no prediction. What is offered again is said when it is taken.
      if (sample.capture.origin === undefined) ports.predicted(null, sample.capture, sample.inferred);
      throw error;
    }
  }

  async function collect(capture: Capture): Promise<void> {
    if (capture.label !== undefined) ports.requireRoom(capture);
    const inferred = await ports.infer(capture);
    // A label is worth keeping even on a capture that is like another.
    if (capture.label === undefined && ports.isDuplicate(capture, inferred)) {
      counters.duplicates += 1;
      if (capture.origin !== undefined) ports.remember(capture.origin);
      return ports.predicted(null, capture, inferred);
    }
    const sample = keep({ capture, inferred });
    counters.stored += 1;
    ports.predicted(sample, capture, inferred);
    const { answer } = inferred;
    const confidence = recordOf(answer).confidence(answer);
    const unsure = confidence !== null && confidence < askBelow;
    if (capture.label === undefined && unsure && ports.mayAsk(clock.now(), capture, inferred)) await ports.ask(sample, capture, inferred);
  }

  return {
    isAlive: () => [...underWay].every(({ sinceMs }) => clock.monotonicMs() - sinceMs < longestMs),
    async take(capture) {
      counters.captures += 1;
      const one = { sinceMs: clock.monotonicMs() };
      underWay.add(one);
      try {
        await collect(capture);
      } catch (error) {
        if (!isUnreadable(error)) {
          counters.dropped += 1;
          throw error;
        }
        counters.unusable += 1;
        if (capture.origin !== undefined) ports.remember(capture.origin);
        log.warn({ source: capture.source, origin: capture.origin, error: messageOf(error) }, 'capture cannot be read');
      } finally {
        underWay.delete(one);
      }
    },
    counters,
  };
}
