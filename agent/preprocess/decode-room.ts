// How much memory decoding may take at once in this process, and a door that lets nobody in while it is taken: three cameras that send their
// largest picture in the same moment wait for each other. Costs in, turns out; refuses nothing, whoever costs more than all of it goes alone.
import { totalmem } from 'node:os';

const mib = 1024 * 1024;
/** A photograph of a phone (12 megapixels) has room also as AVIF, and 300 MB above an idle process are never reached. */
const most = 256 * mib;
const least = 48 * mib;

/** A quarter of the memory that this process may have: of the board, or of its control group. */
export function decodingBudget(memory: number = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)): number {
  return Math.min(most, Math.max(least, memory / 4));
}

export interface Room {
  /** Runs the work when there is room for it; turns come in order. */
  within<T>(costBytes: number, work: () => Promise<T>): Promise<T>;
}

export function createRoom(sizeBytes: number): Room {
  const waiting: { readonly cost: number; readonly enter: () => void }[] = [];
  let taken = 0;
  function admit(): void {
    for (let first = waiting[0]; first !== undefined && taken + first.cost <= sizeBytes; first = waiting[0]) {
      waiting.shift();
      taken += first.cost;
      first.enter();
    }
  }
  return {
    async within(costBytes, work) {
      const cost = Math.min(costBytes, sizeBytes);
      await new Promise<void>((enter) => {
        waiting.push({ cost, enter });
        admit();
      });
      try {
        return await work();
      } finally {
        taken -= cost;
        admit();
      }
    },
  };
}
