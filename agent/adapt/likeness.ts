// Which files are one observation: the same capture again, copied, compressed anew or under another name; and captures of a test that the
// data to learn from has too. Hashes and features in, group numbers out.
import { countBits } from '../bits.ts';

/** Bits of 64 in which two hashes of one capture differ at most. */
const nearBits = 4;
/** With hashes that are only near the features must be as well. Drawings saved again as JPEG at quality 60: 0.015 at most; other drawings: 0.023 and more. */
const nearFeatures = 0.02;

export interface Captures {
  readonly hashes: readonly bigint[];
  /** [count, width]. */
  readonly features: Float32Array;
  readonly width: number;
}

/** Group of each capture: that of the first one before it that is alike, so that no chain of small steps joins everything. */
export function groupAlike(captures: Captures): Int32Array {
  const find = finderIn(captures);
  const leaders: number[] = [];
  const groups = new Int32Array(captures.hashes.length);
  for (const row of groups.keys()) {
    const leader = find(captures, row, leaders);
    groups[row] = leader === undefined ? leaders.push(row) - 1 : leaders.indexOf(leader);
  }
  return groups;
}

/** Rows of `captures` that are alike one of `others`. */
export function rowsAlso(captures: Captures, others: Captures): readonly number[] {
  const find = finderIn(others);
  const all = Array.from(others.hashes.keys());
  return Array.from(captures.hashes.keys()).filter((row) => find(captures, row, all) !== undefined);
}

function finderIn(others: Captures) {
  const [high, low] = wordsOf(others.hashes);
  const mean = meanOf(others);
  return (captures: Captures, row: number, candidates: readonly number[]): number | undefined => {
    const hash = captures.hashes[row]!;
    const [h, l] = [Number((hash >> 32n) & 0xffffffffn), Number(hash & 0xffffffffn)];
    return candidates.find((other) => {
      const apart = countBits((h ^ high[other]!) >>> 0) + countBits((l ^ low[other]!) >>> 0);
      return apart === 0 || (apart <= nearBits && apartness(featuresOf(captures, row), featuresOf(others, other), mean) <= nearFeatures);
    });
  };
}

function wordsOf(hashes: readonly bigint[]): readonly [Uint32Array, Uint32Array] {
  return [
    Uint32Array.from(hashes, (hash) => Number((hash >> 32n) & 0xffffffffn)),
    Uint32Array.from(hashes, (hash) => Number(hash & 0xffffffffn)),
  ];
}

function featuresOf({ features, width }: Captures, row: number): Float32Array {
  return features.subarray(row * width, (row + 1) * width);
}

/** Squared distance of two captures against their distances from the mean of all: 0 for one, about 2 for two that have nothing to do with each other. */
function apartness(a: Float32Array, b: Float32Array, mean: Float64Array): number {
  let [between, fromA, fromB] = [0, 0, 0];
  for (const [at, x] of a.entries()) {
    const [y, m] = [b[at]!, mean[at]!];
    between += (x - y) ** 2;
    fromA += (x - m) ** 2;
    fromB += (y - m) ** 2;
  }
  return between === 0 ? 0 : between / Math.sqrt(fromA * fromB);
}

function meanOf({ features, hashes, width }: Captures): Float64Array {
  const mean = new Float64Array(width);
  for (let at = 0; at < hashes.length * width; at += 1) mean[at % width]! += features[at]! / hashes.length;
  return mean;
}
