// Samples at one rate → samples at another, by windowed-sinc interpolation (Julius O. Smith, "Digital Audio Resampling"). Pure.

/** Zero crossings of the sinc on each side: more is steeper and slower. 16 keeps aliases below −60 dB. */
const crossings = 16;

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
      const tap = kernel(at - centre, cutoff, reach);
      sum += tap * (samples[at] as number);
      weight += tap;
    }
    // Dividing by the taps' sum keeps the level right at both ends, where the kernel is cut.
    output[index] = Math.abs(weight) < 1e-6 ? 0 : sum / weight;
  }
  return output;
}

/** cutoff · sinc(cutoff · t) under a Hann window that ends at `reach`. */
function kernel(t: number, cutoff: number, reach: number): number {
  const angle = Math.PI * cutoff * t;
  const sinc = Math.abs(angle) < 1e-9 ? 1 : Math.sin(angle) / angle;
  return cutoff * sinc * (0.5 + 0.5 * Math.cos((Math.PI * t) / reach));
}
