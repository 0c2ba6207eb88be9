// Where in a long recording something is to be heard: the window of the highest energy. Looks at the recording piece by piece, at about the rate
// that is wanted, and keeps none of it.
import type { SoundSource } from './wav.ts';

const piece = 32_768;

/** Where the `length` samples of the highest energy begin. */
export function loudest(source: Pick<SoundSource, 'length' | 'slice'>, length: number): number {
  if (source.length <= length) return 0;
  let energy = 0;
  for (let from = 0; from < length; from += piece) {
    for (const value of source.slice(from, Math.min(length, from + piece))) energy += value ** 2;
  }
  let best = { energy, first: 0 };
  for (let from = 1; from + length <= source.length; from += piece) {
    const steps = Math.min(piece, source.length - length - from + 1);
    const gone = source.slice(from - 1, from - 1 + steps);
    const come = source.slice(from + length - 1, from + length - 1 + steps);
    for (let step = 0; step < steps; step += 1) {
      energy += come[step]! ** 2 - gone[step]! ** 2;
      if (energy > best.energy) best = { energy, first: from + step };
    }
  }
  return best.first;
}

/** Means of `factor` samples each: what is far above the band that is wanted should not decide. */
export function thinned(source: Pick<SoundSource, 'length' | 'slice'>, factor: number): Pick<SoundSource, 'length' | 'slice'> {
  if (factor < 2) return source;
  return {
    length: Math.floor(source.length / factor),
    slice(first, last) {
      const all = source.slice(first * factor, last * factor);
      const means = new Float32Array(last - first);
      for (let index = 0; index < means.length; index += 1) {
        let sum = 0;
        for (let at = index * factor; at < (index + 1) * factor; at += 1) sum += all[at]!;
        means[index] = sum / factor;
      }
      return means;
    },
  };
}
