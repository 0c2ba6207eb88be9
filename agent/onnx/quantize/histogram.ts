// Counts of the values that a tensor takes on real data, in equal bins between its ends. Zeros are left out: every scale holds them exactly,
// and behind a Relu they would drown the rest. Memory does not grow with the data.
import type { Range } from '../forms/activation-scale.ts';

export interface Histogram {
  readonly range: Range;
  /** How often values fell into each bin; the first begins at `range.min`, the last ends at `range.max`. */
  readonly counts: Float64Array;
}

const histogramBins = 2048;

/** The range always holds 0. */
export function emptyHistogram(range: Range, bins: number = histogramBins): Histogram {
  return { range: { min: Math.min(0, range.min), max: Math.max(0, range.max) }, counts: new Float64Array(bins) };
}

/** Adds values to the counts, in place; those outside the range go into the first and the last bin. */
export function countValues({ range, counts }: Histogram, values: Float32Array): void {
  const { min, max } = range;
  const perBin = counts.length / (max - min);
  if (!Number.isFinite(perBin)) return;
  const last = counts.length - 1;
  for (const value of values) {
    if (value === 0) continue;
    const bin = Math.floor((value - min) * perBin);
    counts[Math.max(0, Math.min(bin, last))]! += 1;
  }
}

/** A range widened by values. One NaN makes both ends NaN, and they stay so: no number is a range of what is not a number. */
export function widenRange(range: Range, values: Float32Array): Range {
  let { min, max } = range;
  for (const value of values) {
    if (Number.isNaN(value)) return { min: Number.NaN, max: Number.NaN };
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}
