// Samples at one rate → samples at another, by windowed-sinc interpolation (Julius O. Smith, "Digital Audio Resampling"). Pure.

/** Zero crossings of the sinc on each side: more is steeper and slower. 16 keeps aliases below −60 dB. */
const crossings = 16;
/** Points of the kernel between two zero crossings; what lies between them is interpolated, right to 10⁻⁶. */
const resolution = 512;
/** sinc(t) under a Hann window that ends at the last crossing, for t ≥ 0 in units of crossings. */
const kernel = Float64Array.from({ length: crossings * resolution + 2 }, (_, at) => {
  const t = Math.min(crossings, at / resolution);
  const sinc = at === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t);
  return sinc * (0.5 + 0.5 * Math.cos((Math.PI * t) / crossings));
});

/** Gives round(length · to / from) samples. Frequencies above half the lower rate are cut off. */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples;
  return resampleRange({ length: samples.length, slice: (first, last) => samples.subarray(first, last) }, from, to, {
    first: 0,
    count: resampledLength(samples.length, from, to),
  });
}

export function resampledLength(length: number, from: number, to: number): number {
  return from === to ? length : Math.max(1, Math.round(length * (to / from)));
}

/** Samples of the result that are made from one piece of the source. */
const block = 4096;

/** `count` samples of what `resample` would give of the whole, from `first`; no more of the source is looked at than they need. */
export function resampleRange(
  source: { readonly length: number; slice(first: number, last: number): Float32Array },
  from: number,
  to: number,
  { first, count }: { readonly first: number; readonly count: number },
): Float32Array {
  if (from === to) return source.slice(first, first + count);
  const ratio = to / from;
  const cutoff = bandOf(ratio);
  const reach = Math.ceil(crossings / cutoff) + 1;
  const output = new Float32Array(count);
  for (let start = 0; start < count; start += block) {
    const end = Math.min(count, start + block);
    const low = Math.max(0, Math.floor((first + start) / ratio) - reach);
    const high = Math.min(source.length, Math.ceil((first + end) / ratio) + reach);
    const piece = source.slice(low, high);
    for (let index = start; index < end; index += 1) output[index] = sampleAt(piece, (first + index) / ratio, cutoff, low);
  }
  return output;
}

/** What is kept, in units of the source's own band: a tenth is left free for the filter's slope. */
export function bandOf(ratio: number): number {
  return 0.9 * Math.min(1, ratio);
}

/** The band-limited signal at a place between its samples; `samples` begin at place `start`. */
export function sampleAt(samples: Float32Array, centre: number, cutoff: number, start = 0): number {
  const reach = crossings / cutoff;
  const first = Math.max(start, Math.ceil(centre - reach));
  const last = Math.min(start + samples.length - 1, Math.floor(centre + reach));
  let sum = 0;
  let weight = 0;
  for (let at = first; at <= last; at += 1) {
    const place = Math.abs(at - centre) * cutoff * resolution;
    const below = Math.floor(place);
    const tap = kernel[below]! + (place - below) * (kernel[below + 1]! - kernel[below]!);
    sum += tap * samples[at - start]!;
    weight += tap;
  }
  // Dividing by the taps' sum keeps the level right at both ends, where the kernel is cut.
  return Math.abs(weight) < 1e-6 ? 0 : sum / weight;
}
