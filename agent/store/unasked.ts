// Samples that nobody asked about and no file stands behind (a camera's frames, utterances, windows of a sensor), as far as they are in
// memory. Takes them one by one, gives several to be written together, so that a busy scene does not wear flash out: their rows wait a few
// seconds, and of their raw bytes a day's allowance is written. What is over it stays in memory, the newest, until somebody asks.
import type { Clock } from '../types.ts';
import type { NewSample } from './sample-rows.ts';

export interface UnaskedLimits {
  /** Rows that wait to be written at most, and how long. */
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
  /** Raw bytes in memory at most, written or not. */
  readonly memoryBytes: number;
  /** Raw bytes that are written in a day, spread over it. */
  readonly writtenBytesPerDay: number;
}

/** Rows of one scene change the same few pages: a transaction for several of them writes these once. */
export const unaskedInMemory = { maxWaiting: 32, maxWaitMs: 10_000, memoryBytes: 16 * 1024 * 1024 };

export interface WaitingSample {
  readonly row: number;
  readonly sample: NewSample;
}

export interface Unasked {
  readonly isEmpty: boolean;
  /** Row number of the newest that waits; 0 where none does. */
  readonly lastRow: number;
  /** Whether those that wait should be written before another comes. */
  isDue(): boolean;
  add(waiting: WaitingSample): void;
  /** Those that wait, oldest first; they stay until `written`. */
  waiting(): readonly WaitingSample[];
  written(): void;
  /** The raw bytes of a sample that are in memory; null where they never were, or are no more. */
  raw(row: number): Uint8Array | null;
  /** Drops the raw bytes of samples that are gone. */
  forget(isThere: (row: number) => boolean): void;
}

const dayMs = 86_400_000;
/** Share of a day's allowance that may be written at once, after a quiet time. */
const burst = 1 / 8;

export function createUnasked(limits: UnaskedLimits, clock: Pick<Clock, 'monotonicMs'>): Unasked {
  const rows: WaitingSample[] = [];
  let sinceMs = 0;
  /** Row → raw bytes, oldest first. */
  const raws = new Map<number, Uint8Array>();
  let rawBytes = 0;
  const mostAllowed = limits.writtenBytesPerDay * burst;
  let allowed = { bytes: mostAllowed, atMs: clock.monotonicMs() };

  /** Takes the bytes from the allowance; false where they are more than is left. */
  function allow(bytes: number): boolean {
    const nowMs = clock.monotonicMs();
    const grown = allowed.bytes + ((nowMs - allowed.atMs) / dayMs) * limits.writtenBytesPerDay;
    const left = Math.min(mostAllowed, grown);
    allowed = { bytes: bytes <= left ? left - bytes : left, atMs: nowMs };
    return bytes <= left;
  }

  function drop(row: number): void {
    rawBytes -= raws.get(row)?.byteLength ?? 0;
    raws.delete(row);
  }

  return {
    get isEmpty() {
      return rows.length === 0;
    },
    get lastRow() {
      return rows.at(-1)?.row ?? 0;
    },
    isDue: () => rows.length >= limits.maxWaiting || (rows.length > 0 && clock.monotonicMs() - sinceMs >= limits.maxWaitMs),
    add({ row, sample }) {
      const { raw, ...bare } = sample;
      if (rows.length === 0) sinceMs = clock.monotonicMs();
      const isWritten = raw !== undefined && allow(raw.byteLength);
      rows.push({ row, sample: isWritten ? sample : bare });
      if (raw === undefined || isWritten) return;
      raws.set(row, raw);
      rawBytes += raw.byteLength;
      for (const oldest of raws.keys()) {
        if (rawBytes <= limits.memoryBytes) break;
        drop(oldest);
      }
    },
    waiting: () => rows,
    written: () => void rows.splice(0),
    raw: (row) => raws.get(row) ?? null,
    forget(isThere) {
      for (const row of [...raws.keys()]) if (!isThere(row)) drop(row);
    },
  };
}
