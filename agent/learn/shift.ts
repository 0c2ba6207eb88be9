// Features far from zero, as raw readings of a sensor may be, lose their spread in sums of squares in single precision: such rows are
// moved by their mean first. Rows that lie about zero are left as they are, to the bit.
import type { Rows } from './ridge/gather.ts';
import { meanOfStatistics, type Statistics } from './ridge/statistics.ts';

/** Sums of squares keep about seven digits; of these, two may go to the mean. */
const mostOfMean = 100;

/** The mean of the rows where it is large beside their spread; null where nothing needs to be moved. */
export function shiftOf({ features, count, width }: Rows): Float32Array | null {
  const mean = new Float64Array(width);
  for (let at = 0; at < count * width; at += 1) mean[at % width]! += features[at]! / count;
  let spread = 0;
  for (let at = 0; at < count * width; at += 1) spread += (features[at]! - mean[at % width]!) ** 2 / count;
  const size = mean.reduce((sum, value) => sum + value * value, 0);
  // One row says nothing of a spread.
  return count > 1 && size > mostOfMean * spread && Number.isFinite(size) ? Float32Array.from(mean) : null;
}

/** The same for rows that only their sums are known of: the shift of these, or their mean where they were summed about zero and lie far from it. */
export function shiftOfStatistics(statistics: Statistics): Float32Array | null {
  const { gram, width, weight, shift } = statistics;
  if (shift !== undefined) return shift;
  if (!(weight > 0)) return null;
  const mean = meanOfStatistics(statistics);
  const size = mean.reduce((sum, value) => sum + value * value, 0);
  const square = mean.reduce((sum, _, at) => sum + gram[at * (width + 2)]!, 0) / weight;
  return size > mostOfMean * Math.max(0, square - size) && size > 0 && Number.isFinite(size) ? mean : null;
}

export function shifted<R extends Rows>(rows: R, shift: Float32Array | null): R {
  if (shift === null) return rows;
  const { width, count } = rows;
  return { ...rows, features: rows.features.slice(0, count * width).map((value, at) => value - shift[at % width]!) };
}
