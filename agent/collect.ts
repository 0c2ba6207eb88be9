// Loop 1: capture → preprocess → backbone → store → prediction out, and now and then a question to a person. Takes captures from any
// source, gives nothing back; what cannot be used is counted, said once and dropped. Resolves when the capture is accepted, so that a
// source may run ahead by one while the worker computes.
import { messageOf, WhetError } from './errors.ts';
import type { Inferred } from './inference/protocol.ts';
import type { Log } from './log.ts';
import type { Capture, ClassScore, Clock } from './types.ts';

/** What a stored sample consists of; the store's own type has the same shape. */
export interface CollectedSample {
  readonly capture: Capture;
  readonly inferred: Inferred;
}

export interface CollectPorts {
  infer(bytes: Uint8Array): Promise<Inferred>;
  /** Whether a stored sample of this source looks the same. */
  isDuplicate(source: string, hash: bigint, timeMs: number): boolean;
  /** Durable when it returns; null where the store is full of labelled samples. */
  add(sample: CollectedSample): string | null;
  /** Remembers an origin whose capture can never be used, so that it is not tried again at every start. */
  refuse(origin: string): void;
  predicted(sample: string | null, capture: Capture, inferred: Inferred): void;
  /** Whether a question may be asked now: the hourly budget is not spent. */
  mayAsk(timeMs: number): boolean;
  ask(sample: string, capture: Capture, scores: readonly ClassScore[]): Promise<void>;
}

export interface CollectCounters {
  readonly captures: number;
  readonly stored: number;
  readonly duplicates: number;
  readonly unusable: number;
  readonly dropped: number;
}

export interface Collect {
  take(capture: Capture): Promise<void>;
  /** Resolves when nothing is under way any more. */
  drain(): Promise<void>;
  readonly counters: CollectCounters;
}

/** Captures that may be under way at once: one computes, the next is being decoded. */
const slots = 2;

export function createCollect(ports: CollectPorts, askBelow: number, log: Log, clock: Clock): Collect {
  const counters = { captures: 0, stored: 0, duplicates: 0, unusable: 0, dropped: 0 };
  const underWay = new Set<Promise<void>>();

  async function collect(capture: Capture): Promise<void> {
    const inferred = await ports.infer(capture.bytes);
    // A label is worth keeping even on a picture that looks like another.
    if (capture.label === undefined && ports.isDuplicate(capture.source, inferred.hash, capture.timeMs)) {
      counters.duplicates += 1;
      return ports.predicted(null, capture, inferred);
    }
    const sample = ports.add({ capture, inferred });
    if (sample === null) counters.dropped += 1;
    else counters.stored += 1;
    ports.predicted(sample, capture, inferred);
    const unsure = (inferred.scores[0]?.confidence ?? 0) < askBelow;
    if (sample !== null && capture.label === undefined && unsure && ports.mayAsk(clock.now()))
      await ports.ask(sample, capture, inferred.scores);
  }

  function failed(capture: Capture, error: unknown): void {
    const unusable = error instanceof WhetError && error.code === 'image-unreadable';
    counters[unusable ? 'unusable' : 'dropped'] += 1;
    if (unusable && capture.origin !== undefined) ports.refuse(capture.origin);
    log.warn(
      { source: capture.source, origin: capture.origin, error: messageOf(error) },
      unusable ? 'capture cannot be read' : 'capture dropped',
    );
  }

  return {
    async take(capture) {
      while (underWay.size >= slots) await Promise.race(underWay);
      counters.captures += 1;
      const job: Promise<void> = collect(capture)
        .catch((error) => failed(capture, error))
        .finally(() => underWay.delete(job));
      underWay.add(job);
    },
    async drain() {
      await Promise.allSettled(underWay);
    },
    counters,
  };
}
