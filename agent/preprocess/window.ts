// Readings of a sensor, at whatever times they came → the window that the model card describes, [channels, samples] at an even rate. Refuses
// recordings that are shorter than the window, or have a hole in it (`sensor-unreadable`).
import type { SensorInput } from '../config/sensor-input.ts';
import { randomOf } from '../random.ts';
import { type Readings, unreadable } from './readings.ts';
import { isDense, thinReadings } from './thin-readings.ts';
import { windowHash } from './window-hash.ts';

export interface PreprocessedWindow {
  /** [channels, samples], after mean and std: one capture, without the batch dimension. */
  readonly data: Float32Array;
  /** 64-bit hash of the course of the channels. */
  readonly hash: bigint;
}

/** What another wearer, or another day, changes. */
export interface WindowView {
  /** Factor on time: 1.1 is ten percent faster. */
  readonly speed: number;
  /** Factor on every deviation of a channel from its mean. */
  readonly gain: number;
  /** Where the window lies in a longer recording: 0 the middle, −1 the begin, 1 the end. */
  readonly place: number;
  /** Standard deviation of added noise, in units of the model card's std. */
  readonly noise: number;
  readonly seed: number;
}

const plainView: WindowView = { speed: 1, gain: 1, place: 0, noise: 0, seed: 0 };
/** How much of the window a recording may miss at its end; the last reading holds there. */
const mayMiss = 0.1;
/** The longest hole in the readings, as a part of the window; between readings the line is straight. */
const longestHole = 0.2;

/** Throws `sensor-unreadable`. */
export function windowOfReadings(readings: Readings, input: SensorInput, view: WindowView = plainView): PreprocessedWindow {
  const even = resampleReadings(readings, input, view);
  const channels = input.channels.length;
  const data = new Float32Array(even.length);
  const random = randomOf(view.seed);
  for (let channel = 0; channel < channels; channel += 1) {
    const row = even.subarray(channel * input.samples, (channel + 1) * input.samples);
    const centre = view.gain === 1 ? 0 : row.reduce((sum, value) => sum + value, 0) / row.length;
    const mean = pick(input.mean, channel, 0);
    const std = pick(input.std, channel, 1);
    for (const [at, value] of row.entries()) {
      const varied = view.gain === 1 ? value : centre + (value - centre) * view.gain;
      data[channel * input.samples + at] = (varied - mean) / std + (view.noise === 0 ? 0 : view.noise * gaussian(random));
    }
  }
  const unreal = data.findIndex((value) => !Number.isFinite(value));
  if (unreal >= 0) throw unreadable(`'${input.channels[Math.floor(unreal / input.samples)]?.name}' is too large after mean and std`);
  return { data, hash: windowHash(data, channels, input.samples) };
}

/** The same views each time for a number. */
export function drawWindowView(seed: number): WindowView {
  const random = randomOf(seed);
  const between = (low: number, high: number) => low + (high - low) * random();
  return { speed: 1.1 ** between(-1, 1), gain: 1.1 ** between(-1, 1), place: between(-1, 1), noise: 0.02, seed };
}

/**
 * Slower readings lie on straight lines between their neighbours; faster ones are filtered, so that what the lower rate cannot hold does not fold
 * into it.
 */
export function resampleReadings(readings: Readings, input: SensorInput, view: WindowView = plainView): Float32Array {
  const { timesS, values, count } = readings;
  const channels = input.channels.length;
  const periodS = view.speed / input.sampleRate;
  const lengthS = input.samples * periodS;
  // A reading stands for the time until the next one: n readings at the rate fill n samples.
  const spanS = count === 0 ? 0 : (timesS[count - 1] as number) + (count > 1 ? (timesS[count - 1] as number) / (count - 1) : 0);
  // Views that are faster than the recording is long are as fast as it allows.
  if (spanS < (1 - mayMiss) * lengthS) {
    if (view.speed > 1) return resampleReadings(readings, input, { ...view, speed: 1 });
    throw unreadable(`${count} readings over ${spanS.toFixed(2)} s, and the window is ${lengthS.toFixed(2)} s long`);
  }
  const startS = (Math.max(0, spanS - lengthS) * (1 + view.place)) / 2;
  const span = { startS, periodS, samples: input.samples, channels };
  if (isDense(readings, periodS)) {
    const holeS = widestHole(readings, startS, startS + lengthS);
    if (holeS > longestHole * lengthS) throw unreadable(`no reading for ${holeS.toFixed(2)} s`);
    return thinReadings(readings, span);
  }
  const even = new Float32Array(channels * input.samples);
  let from = 0;
  for (let sample = 0; sample < input.samples; sample += 1) {
    const atS = startS + sample * periodS;
    while (from < count && (timesS[from] as number) < atS - periodS / 2) from += 1;
    let to = from;
    while (to < count && (timesS[to] as number) < atS + periodS / 2) to += 1;
    const before = to - from > 1 ? null : neighbours(timesS, count, atS, Math.max(0, from - 1));
    if (before !== null && before.holeS > longestHole * lengthS) throw unreadable(`no reading for ${before.holeS.toFixed(2)} s`);
    for (let channel = 0; channel < channels; channel += 1) {
      const value = (index: number) => values[index * channels + channel] as number;
      let sum = 0;
      if (before !== null) sum = value(before.left) + before.part * (value(before.right) - value(before.left));
      else for (let index = from; index < to; index += 1) sum += value(index) / (to - from);
      even[channel * input.samples + sample] = sum;
    }
  }
  return even;
}

/** The longest time between two readings of which one at least lies in this span. */
function widestHole({ timesS, count }: Readings, fromS: number, toS: number): number {
  let widest = 0;
  for (let at = 1; at < count; at += 1) {
    if (timesS[at]! > fromS && timesS[at - 1]! < toS) widest = Math.max(widest, timesS[at]! - timesS[at - 1]!);
  }
  return widest;
}

/** The readings on both sides of a time, and how far it lies between them; the first and the last hold beyond the ends. */
function neighbours(timesS: Float64Array, count: number, atS: number, start: number) {
  let right = start;
  while (right < count && (timesS[right] as number) < atS) right += 1;
  if (right === 0) return { left: 0, right: 0, part: 0, holeS: 0 };
  const left = right - 1;
  if (right === count) return { left, right: left, part: 0, holeS: 0 };
  const holeS = (timesS[right] as number) - (timesS[left] as number);
  return { left, right, part: holeS === 0 ? 0 : (atS - (timesS[left] as number)) / holeS, holeS };
}

function pick(list: readonly number[], channel: number, otherwise: number): number {
  return list.length === 0 ? otherwise : (list[list.length === 1 ? 0 : channel] as number);
}

/** Box and Muller (1958). */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
