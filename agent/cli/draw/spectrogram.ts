// A recording → a picture of its energy in time (to the right) and frequency (upwards, mel scale): what speech, knocks and hums look like.
import type { Pixels } from '../../preprocess/picture.ts';

const frame = 512;
/** Below this many decibels under the loudest everything is dark. */
const rangeDb = 70;

/** `samples` in [-1, 1]. */
export function spectrogram(samples: Float32Array, sampleRate: number, width: number, height: number): Pixels {
  const energies = Array.from({ length: width }, (_, column) => {
    const centre = Math.round(((column + 0.5) / width) * samples.length);
    return bandsOf(powersAt(samples, centre - frame / 2), sampleRate, height);
  });
  const loudest = Math.max(1e-12, ...energies.map((bands) => Math.max(...bands)));
  const data = new Uint8Array(width * height * 3);
  for (const [x, bands] of energies.entries()) {
    for (const [band, energy] of bands.entries()) {
      const level = 1 + (10 * Math.log10(Math.max(energy, 1e-12) / loudest)) / rangeDb;
      data.set(heat(Math.max(0, level)), ((height - 1 - band) * width + x) * 3);
    }
  }
  return { data, width, height };
}

/** Power of each of frame / 2 frequencies, through a Hann window; silence beyond the ends. */
function powersAt(samples: Float32Array, first: number): Float64Array {
  const re = Float64Array.from(
    { length: frame },
    (_, at) => (samples[first + at] ?? 0) * (0.5 - 0.5 * Math.cos((2 * Math.PI * at) / frame)),
  );
  const im = new Float64Array(frame);
  transform(re, im);
  return Float64Array.from({ length: frame / 2 }, (_, at) => re[at]! ** 2 + im[at]! ** 2);
}

/** Fast Fourier transform in place (Cooley and Tukey 1965), a power of two long. */
function transform(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let at = 1, to = 0; at < n; at += 1) {
    let bit = n >> 1;
    for (; (to & bit) !== 0; bit >>= 1) to ^= bit;
    to ^= bit;
    if (at < to) {
      [re[at], re[to]] = [re[to]!, re[at]!];
      [im[at], im[to]] = [im[to]!, im[at]!];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let start = 0; start < n; start += size) {
      for (let k = 0; k < size / 2; k += 1) {
        const angle = (-2 * Math.PI * k) / size;
        const [a, b] = [start + k, start + k + size / 2];
        const [x, y] = [re[b]! * Math.cos(angle) - im[b]! * Math.sin(angle), re[b]! * Math.sin(angle) + im[b]! * Math.cos(angle)];
        [re[b], im[b]] = [re[a]! - x, im[a]! - y];
        [re[a], im[a]] = [re[a]! + x, im[a]! + y];
      }
    }
  }
}

const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
const hertz = (value: number) => 700 * (10 ** (value / 2595) - 1);

function bandsOf(powers: Float64Array, sampleRate: number, bands: number): readonly number[] {
  const top = mel(sampleRate / 2);
  const binAt = (band: number) => (hertz((band / bands) * top) / sampleRate) * frame;
  return Array.from({ length: bands }, (_, band) => {
    const first = Math.min(powers.length - 1, Math.floor(binAt(band)));
    const last = Math.min(powers.length, Math.max(first + 1, Math.ceil(binAt(band + 1))));
    return powers.subarray(first, last).reduce((sum, power) => sum + power, 0) / (last - first);
  });
}

/** Black, violet, red, orange, pale yellow. */
const stops: readonly (readonly [number, number, number])[] = [
  [0, 0, 4],
  [81, 18, 124],
  [183, 55, 121],
  [252, 137, 97],
  [252, 253, 191],
];

function heat(level: number): readonly [number, number, number] {
  const place = Math.min(0.9999, level) * (stops.length - 1);
  const [from, to] = [stops[Math.floor(place)]!, stops[Math.floor(place) + 1]!];
  const mix = (channel: 0 | 1 | 2) => Math.round(from[channel] + (to[channel] - from[channel]) * (place % 1));
  return [mix(0), mix(1), mix(2)];
}
