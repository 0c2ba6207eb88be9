// A histogram of a tensor → the range that its 256 steps should span. Three ways: everything; all but a share of outliers; or where the quantized
// distribution says most about the real one (least Kullback–Leibler divergence, Migacz 2017). Pure.
import type { Range } from '../forms/activation-scale.ts';
import type { Histogram } from './histogram.ts';

export type RangeMethod =
  | { readonly kind: 'minmax' }
  /** `percent` of the values lie inside, what is left in equal parts at both ends. */
  | { readonly kind: 'percentile'; readonly percent: number }
  | { readonly kind: 'entropy' };

/** The range always holds 0. */
export function chooseRange(histogram: Histogram, method: RangeMethod): Range {
  const total = histogram.counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return histogram.range;
  switch (method.kind) {
    case 'minmax':
      return histogram.range;
    case 'percentile':
      return percentileRange(histogram, total * (1 - method.percent / 100));
    case 'entropy':
      return entropyRange(histogram);
  }
}

/** Leaves out at most `outside` values. Where all lie on one side of zero, all of them may come off the far end. */
function percentileRange({ range, counts }: Histogram, outside: number): Range {
  const width = (range.max - range.min) / counts.length;
  const isOneSided = range.min === 0 || range.max === 0;
  const mayLose = isOneSided ? outside : outside / 2;
  let low = 0;
  let high = counts.length;
  if (range.min < 0) for (let lost = counts[0]!; lost <= mayLose && low < high - 1; lost += counts[low]!) low += 1;
  if (range.max > 0) for (let lost = counts[high - 1]!; lost <= mayLose && high > low + 1; lost += counts[high - 1]!) high -= 1;
  return { min: Math.min(0, range.min + low * width), max: Math.max(0, high === counts.length ? range.max : range.min + high * width) };
}

/** Magnitudes in, so that both ends are cut at the same threshold; a one-sided tensor has all 255 steps for them, another about half. */
function entropyRange({ range, counts }: Histogram): Range {
  const isOneSided = range.min === 0 || range.max === 0;
  const levels = isOneSided ? 255 : 128;
  const far = Math.max(-range.min, range.max);
  const magnitudes = new Float64Array(counts.length);
  const width = (range.max - range.min) / counts.length;
  for (const [bin, count] of counts.entries()) {
    const middle = Math.abs(range.min + (bin + 0.5) * width);
    magnitudes[Math.min(counts.length - 1, Math.floor((middle / far) * counts.length))]! += count;
  }
  let best = { divergence: Number.POSITIVE_INFINITY, bins: counts.length };
  const step = Math.max(1, Math.floor(counts.length / 256));
  for (let bins = levels; bins <= counts.length; bins += step) {
    const divergence = divergenceAt(magnitudes, bins, levels);
    if (divergence < best.divergence) best = { divergence, bins };
  }
  const threshold = (best.bins / counts.length) * far;
  return { min: Math.max(range.min, -threshold), max: Math.min(range.max, threshold) };
}

/** Σ p·log(p/q): p the first `bins` with everything beyond in the last, q the same merged into `levels` steps and spread over where p is. */
function divergenceAt(counts: Float64Array, bins: number, levels: number): number {
  let beyond = 0;
  for (let bin = bins; bin < counts.length; bin += 1) beyond += counts[bin]!;
  const all = counts.reduce((sum, count) => sum + count, 0);
  const inside = all - beyond;
  if (inside === 0) return Number.POSITIVE_INFINITY;
  let divergence = 0;
  for (let level = 0; level < levels; level += 1) {
    const from = Math.floor((level * bins) / levels);
    const to = Math.floor(((level + 1) * bins) / levels);
    let sum = 0;
    let filled = 0;
    for (let bin = from; bin < to; bin += 1) {
      sum += counts[bin]!;
      if (counts[bin]! > 0 || (bin === bins - 1 && beyond > 0)) filled += 1;
    }
    for (let bin = from; bin < to; bin += 1) {
      const p = (counts[bin]! + (bin === bins - 1 ? beyond : 0)) / all;
      if (p === 0) continue;
      // What q has none of would be infinitely surprising; a thousandth of a count stands for it.
      const q = Math.max(sum / filled / inside, 1e-3 / all);
      divergence += p * Math.log(p / q);
    }
  }
  return divergence;
}
