// Which files are one observation: the same capture again, copied, compressed anew or under another name; and captures of a test that the
// data to learn from has too. Hashes and features in, group numbers out.
import { countBits } from '../bits.ts';

/**
 * What makes two captures one, measured on photographs (`scripts/likeness-study.mjs`): hashes of 64 bits that differ in a few, and features that are
 * near. Flat pictures, which show few edges, have hashes that are alike although the pictures are not.
 */
const nearBits = 4;
const nearFeatures = 0.1;
const fewestEdges = 20;
/** Of flat pictures, and of two classes, the features must be the same: something small may be new in a scene that looks alike. */
const sameFeatures = 0.02;

export interface Captures {
  readonly hashes: readonly bigint[];
  /** [count, width]. */
  readonly features: Float32Array;
  readonly width: number;
  readonly labels: ArrayLike<number>;
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
    const [[h = 0], [l = 0]] = wordsOf([captures.hashes[row]!]);
    const brighter = countBits(h) + countBits(l);
    const hasEdges = Math.min(brighter, 64 - brighter) >= fewestEdges;
    return candidates.find((other) => {
      const bits = countBits((h ^ high[other]!) >>> 0) + countBits((l ^ low[other]!) >>> 0);
      if (bits > nearBits) return false;
      const isOneClass = captures.labels[row] === others.labels[other];
      if (bits === 0 && isOneClass) return true;
      const isNear = hasEdges && isOneClass;
      const apart = apartness(featuresOf(captures, row), featuresOf(others, other), mean);
      return apart <= (isNear ? nearFeatures : sameFeatures);
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
export function apartness(a: Float32Array, b: Float32Array, mean: Float64Array): number {
  let [between, fromA, fromB] = [0, 0, 0];
  for (const [at, x] of a.entries()) {
    const [y, m] = [b[at]!, mean[at]!];
    between += (x - y) ** 2;
    fromA += (x - m) ** 2;
    fromB += (y - m) ** 2;
  }
  return between === 0 ? 0 : between / Math.sqrt(fromA * fromB);
}

export function meanOf({ features, hashes, width }: Captures): Float64Array {
  const mean = new Float64Array(width);
  for (let at = 0; at < hashes.length * width; at += 1) mean[at % width]! += features[at]! / hashes.length;
  return mean;
}
