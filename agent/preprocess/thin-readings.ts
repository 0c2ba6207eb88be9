// Readings that come faster than the model wants them → samples at its rate, through a low-pass filter: an even course of the readings first, then
// the windowed sinc that sounds are resampled with. Pure.
import type { Readings } from './readings.ts';
import { bandOf, sampleAt } from './resample.ts';

/** Readings this much denser than the samples are filtered; others lie on straight lines. */
const denser = 1.15;
/** The even course has at most so many places a sample: what is denser is averaged, and the filter's work stays bounded. */
const mostPlaces = 8;
/** Samples of the model on each side that the filter looks at: 16 crossings over nine tenths of the band, and one more. */
const reach = 19;

export interface Span {
  readonly startS: number;
  readonly periodS: number;
  readonly samples: number;
  readonly channels: number;
}

export function isDense({ timesS, count }: Readings, periodS: number): boolean {
  return count > 2 && (count - 1) * periodS > denser * timesS[count - 1]!;
}

/** [channels, samples]. */
export function thinReadings(readings: Readings, { startS, periodS, samples, channels }: Span): Float32Array {
  const { timesS, count } = readings;
  const stepS = Math.max(timesS[count - 1]! / (count - 1), periodS / mostPlaces);
  const first = Math.floor((startS - reach * periodS) / stepS);
  const length = Math.ceil((startS + (samples + reach) * periodS) / stepS) - first + 1;
  const cutoff = bandOf(stepS / periodS);
  const even = new Float32Array(channels * samples);
  for (let channel = 0; channel < channels; channel += 1) {
    const course = evenCourse(readings, { channel, channels, first, length, stepS });
    for (let sample = 0; sample < samples; sample += 1)
      even[channel * samples + sample] = sampleAt(course, (startS + sample * periodS) / stepS, cutoff, first);
  }
  return even;
}

interface Course {
  readonly channel: number;
  readonly channels: number;
  readonly first: number;
  readonly length: number;
  readonly stepS: number;
}

/** One channel at the times first·step, (first + 1)·step …: the mean of the readings about each, or what lies on the line between two. */
function evenCourse({ timesS, values, count }: Readings, { channel, channels, first, length, stepS }: Course): Float32Array {
  const value = (index: number) => values[index * channels + channel]!;
  let [from, right] = [0, 0];
  return Float32Array.from({ length }, (_, place) => {
    const atS = (first + place) * stepS;
    while (from < count && timesS[from]! < atS - stepS / 2) from += 1;
    let [to, sum] = [from, 0];
    for (; to < count && timesS[to]! < atS + stepS / 2; to += 1) sum += value(to);
    if (to - from > 1) return sum / (to - from);
    while (right < count && timesS[right]! < atS) right += 1;
    // The first and the last hold beyond the ends.
    if (right === 0 || right === count) return value(Math.min(right, count - 1));
    const gapS = timesS[right]! - timesS[right - 1]!;
    const part = gapS === 0 ? 0 : (atS - timesS[right - 1]!) / gapS;
    return value(right - 1) + part * (value(right) - value(right - 1));
  });
}
