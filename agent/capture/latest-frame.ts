// Many frames in, few out: at most one an interval, always the latest, the next only when the one before has been taken. Takes a function
// that takes a frame; counts nothing and never throws: it says what became of each frame.

export interface Frame {
  readonly bytes: Uint8Array;
  /** When it arrived. */
  readonly timeMs: number;
  /** The burst that it belongs to. */
  readonly moment: string;
}

export interface LatestFrame {
  offer(frame: Frame): void;
  /** Forgets the frame that waits; nothing is handed out after this. */
  close(): void;
}

export interface FrameOutcome {
  taken(frame: Frame): void;
  /** It could not be taken. */
  dropped(error: unknown): void;
  /** A newer frame came first. */
  passedOver(): void;
}

export function createLatestFrame(intervalMs: number, take: (frame: Frame) => Promise<void>, outcome: FrameOutcome): LatestFrame {
  let waiting: Frame | null = null;
  let timer: NodeJS.Timeout | undefined;
  let taking = false;
  let closed = false;
  /** On the monotonic clock. */
  let dueMs = 0;

  function pump(): void {
    clearTimeout(timer);
    if (waiting === null || taking || closed) return;
    const now = performance.now();
    if (now < dueMs) {
      timer = setTimeout(pump, dueMs - now);
      return;
    }
    // On time, the rhythm is kept; after a gap it starts anew.
    dueMs = now - dueMs < intervalMs ? dueMs + intervalMs : now + intervalMs;
    const frame = waiting;
    waiting = null;
    taking = true;
    void take(frame)
      .then(() => outcome.taken(frame), outcome.dropped)
      .finally(() => {
        taking = false;
        pump();
      });
  }

  return {
    offer(frame) {
      if (closed) return;
      if (waiting !== null) outcome.passedOver();
      waiting = frame;
      pump();
    },
    close() {
      closed = true;
      waiting = null;
      clearTimeout(timer);
    },
  };
}
