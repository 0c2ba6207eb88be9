// Captures that arrive whenever they do → one at a time, in order, to whoever takes them. Bounded: where too many wait, the oldest is dropped.
// Never throws; says what became of each.

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

/** `longest` is the number of items that may wait beside the one being taken. */
export function createWaitingLine<T>(longest: number, take: (item: T) => Promise<void>, outcome: LineOutcome<T>): WaitingLine<T> {
  const waiting: T[] = [];
  let taking = false;
  let closed = false;

  function pump(): void {
    const next = taking || closed ? undefined : waiting.shift();
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
      pump();
      if (waiting.length > longest) {
        waiting.shift();
        outcome.dropped(null);
      }
    },
    close() {
      closed = true;
      waiting.length = 0;
    },
  };
}
