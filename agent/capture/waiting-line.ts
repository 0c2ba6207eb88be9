// Captures that arrive whenever they do → one at a time, in order, to whoever takes them. Bounded in number and bytes: where too many wait, the
// oldest are dropped. Never throws; says what became of each.

export interface WaitingLine<T> {
  offer(item: T): void;
  /** Forgets what waits; nothing is handed out after this. */
  close(): void;
}

export interface LineOutcome<T> {
  taken(item: T): void;
  /** It had to make room, or could not be taken (then with the error). */
  dropped(error: unknown): void;
}

export interface LineLimits<T> {
  /** Items that may wait beside the one being taken. */
  readonly longest: number;
  /** And their bytes; one item may wait whatever its size. */
  readonly mostBytes: number;
  sizeOf(item: T): number;
}

export function createWaitingLine<T>(
  { longest, mostBytes, sizeOf }: LineLimits<T>,
  take: (item: T) => Promise<void>,
  outcome: LineOutcome<T>,
): WaitingLine<T> {
  const waiting: T[] = [];
  let waitingBytes = 0;
  let taking = false;
  let closed = false;

  function shift(): T | undefined {
    const first = waiting.shift();
    if (first !== undefined) waitingBytes -= sizeOf(first);
    return first;
  }

  function pump(): void {
    const next = taking || closed ? undefined : shift();
    if (next === undefined) return;
    taking = true;
    void take(next)
      .then(() => outcome.taken(next), outcome.dropped)
      .finally(() => {
        taking = false;
        pump();
      });
  }

  return {
    offer(item) {
      if (closed) return;
      waiting.push(item);
      waitingBytes += sizeOf(item);
      pump();
      while (waiting.length > longest || (waitingBytes > mostBytes && waiting.length > 1)) {
        shift();
        outcome.dropped(null);
      }
    },
    close() {
      closed = true;
      waiting.length = 0;
    },
  };
}
