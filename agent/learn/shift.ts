// Features far from zero, as raw readings of a sensor may be, lose their spread in sums of squares in single precision: such rows are
// moved by their mean first. Rows that lie about zero are left as they are, to the bit.
import type { Rows } from './ridge/gather.ts';

/** Sums of squares keep about seven digits; of these, two may go to the mean. */
const mostOfMean = 100;

/** The mean of the rows where it is large beside their spread; null where nothing needs to be moved. */
export function shiftOf({ features, count, width }: Rows): Float32Array | null {
  const mean = new Float64Array(width);
  for (let at = 0; at < count * width; at += 1) mean[at % width]! += features[at]! / count;
  let spread = 0;
  for (let at = 0; at < count * width; at += 1) spread += (features[at]! - mean[at % width]!) ** 2 / count;
  const size = mean.reduce((sum, value) => sum + value * value, 0);
  return size > mostOfMean * spread && Number.isFinite(size) ? Float32Array.from(mean) : null;
}

export function shifted<R extends Rows>(rows: R, shift: Float32Array | null): R {
  if (shift === null) return rows;
  const { width, count } = rows;
  return { ...rows, features: rows.features.slice(0, count * width).map((value, at) => value - shift[at % width]!) };
}
