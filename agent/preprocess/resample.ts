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
  const ratio = to / from;
  // Leaving a tenth of the band free for the filter's slope.
  const cutoff = 0.9 * Math.min(1, ratio);
  const reach = crossings / cutoff;
  const output = new Float32Array(Math.max(1, Math.round(samples.length * ratio)));
  for (let index = 0; index < output.length; index += 1) {
    const centre = index / ratio;
    const first = Math.max(0, Math.ceil(centre - reach));
    const last = Math.min(samples.length - 1, Math.floor(centre + reach));
    let sum = 0;
    let weight = 0;
    for (let at = first; at <= last; at += 1) {
      const place = Math.abs(at - centre) * cutoff * resolution;
      const below = Math.floor(place);
      const tap = kernel[below]! + (place - below) * (kernel[below + 1]! - kernel[below]!);
      sum += tap * samples[at]!;
      weight += tap;
    }
    // Dividing by the taps' sum keeps the level right at both ends, where the kernel is cut.
    output[index] = Math.abs(weight) < 1e-6 ? 0 : sum / weight;
  }
  return output;
}
