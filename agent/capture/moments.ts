// Names of moments, as a source says them: captures of one name are not independent evidence. Unique over restarts, and short, for every sample
// keeps one.
import { randomBytes } from 'node:crypto';

/** Gives another name at each call. */
export function createMomentNames(): () => string {
  const start = randomBytes(6).toString('hex');
  let number = 0;
  return () => {
    number += 1;
    return `${start}-${number}`;
  };
}

/** A camera that never pauses has bursts all the same: a day is not one observation. */
const longestBurstMs = 10_000;

/** Names the burst that a capture at this time (of the monotonic clock) belongs to: each comes within `gapMs` of the one before. */
export function createBursts(gapMs: number): (nowMs: number) => string {
  const next = createMomentNames();
  let burst: { readonly name: string; readonly fromMs: number; readonly lastMs: number } | null = null;
  return (nowMs) => {
    const goesOn = burst !== null && nowMs - burst.lastMs <= gapMs && nowMs - burst.fromMs < longestBurstMs;
    burst = goesOn && burst !== null ? { ...burst, lastMs: nowMs } : { name: next(), fromMs: nowMs, lastMs: nowMs };
    return burst.name;
  };
}

export interface Piece {
  /** Where it begins and ends in the stream, in seconds. */
  readonly fromS: number;
  readonly toS: number;
  /** It was cut for its length, and not by silence. */
  readonly isCut: boolean;
}

/** Silence after a cut, from which on something else is said. */
const pauseS = 0.5;
/** Sound that never pauses (a radio, a machine) is not one utterance. */
const longestChainS = 60;

/** Names the utterance that each piece of a stream, in order, belongs to: what goes on where the one before was cut is the same. */
export function createUtterances(): (piece: Piece) => string {
  const next = createMomentNames();
  let chain: { readonly name: string; readonly fromS: number; readonly goesOnAtS: number } | null = null;
  return ({ fromS, toS, isCut }) => {
    const isSame = chain !== null && fromS - chain.goesOnAtS < pauseS && toS - chain.fromS <= longestChainS;
    const name = isSame && chain !== null ? chain.name : next();
    chain = isCut ? { name, fromS: isSame && chain !== null ? chain.fromS : fromS, goesOnAtS: toS } : null;
    return name;
  };
}
