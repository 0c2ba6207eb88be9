// Captures that show what a moment ago was stored already: nearly the same picture, and the same answer, surely given. Takes what each source
// stored, with its hash and answer; remembers it for a while, by time that passed, and forgets it with the process.
import { hammingDistance } from '../preprocess/perceptual-hash.ts';
import { recordOf } from '../tasks/table.ts';
import type { Clock, Inferred } from '../types.ts';

export interface DuplicateLimits {
  /** 0: nothing is a duplicate. */
  readonly windowSeconds: number;
  /** Bits of 64 in which two hashes may differ. */
  readonly distance: number;
  /** An answer below this confidence is a question, however like another its picture is. */
  readonly sureFrom: number;
}

export interface NearDuplicates {
  isDuplicate(source: string, inferred: Inferred): boolean;
  stored(source: string, inferred: Inferred): void;
}

interface Seen {
  readonly hash: bigint;
  readonly word: string;
  readonly atMs: number;
}

/** A second of ten cameras at full rate; more only costs comparisons. */
const mostPerSource = 500;

export function createNearDuplicates({ windowSeconds, distance, sureFrom }: DuplicateLimits, clock: Clock): NearDuplicates {
  const bySource = new Map<string, Seen[]>();
  return {
    isDuplicate(source, { hash, answer }) {
      const { confidence, word } = recordOf(answer);
      const sure = confidence(answer);
      // A new object that fills a few hundredths of the picture leaves the hash where it was, but not the answer.
      if (windowSeconds === 0 || (sure !== null && sure < sureFrom)) return false;
      const since = clock.monotonicMs() - windowSeconds * 1000;
      const recent = (bySource.get(source) ?? []).filter(({ atMs }) => atMs >= since);
      bySource.set(source, recent);
      return recent.some((other) => other.word === word(answer) && hammingDistance(other.hash, hash) <= distance);
    },
    stored(source, { hash, answer }) {
      const recent = bySource.get(source) ?? [];
      recent.push({ hash, word: recordOf(answer).word(answer), atMs: clock.monotonicMs() });
      bySource.set(source, recent.slice(-mostPerSource));
    },
  };
}
