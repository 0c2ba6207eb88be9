// What a microphone and a speaker change by themselves: tempo, loudness, place in the window, noise. Takes strengths and a seed, gives the
// numbers to apply; the same seed gives the same sound on every machine.
import { randomOf } from '../random.ts';
import { resample } from './resample.ts';

export interface AudioAugmentation {
  readonly seed: number;
  /** Largest relative change of speed, 0 to 0.5: 0.25 is from ×0.8 to ×1.25. */
  readonly speed: number;
  /** Largest change of loudness in dB. */
  readonly gainDb: number;
  /** Largest shift, as a part of the window. */
  readonly shift: number;
  /** Loudest noise, in dB against the signal; null adds none. */
  readonly noiseDb: number | null;
}

export interface AudioView {
  readonly speed: number;
  readonly gain: number;
  readonly shift: number;
  /** Standard deviation of added white noise, relative to the signal's. */
  readonly noise: number;
  readonly noiseSeed: number;
}

export const plainAudioView: AudioView = { speed: 1, gain: 1, shift: 0, noise: 0, noiseSeed: 0 };

/** Mild enough for a few captures, strong enough to stand for the next room. */
export const gentleAudio = { speed: 0.2, gainDb: 6, shift: 0.08, noiseDb: -15 } as const satisfies Omit<AudioAugmentation, 'seed'>;

export function drawAudioView({ seed, speed, gainDb, shift, noiseDb }: AudioAugmentation): AudioView {
  const random = randomOf(seed);
  const between = (low: number, high: number) => low + (high - low) * random();
  return {
    // Even in the logarithm: as often slower as faster by the same factor.
    speed: (1 + speed) ** between(-1, 1),
    gain: 10 ** (between(-gainDb, gainDb) / 20),
    shift: between(-shift, shift),
    noise: noiseDb === null ? 0 : 10 ** (between(-40, noiseDb) / 20),
    noiseSeed: seed,
  };
}

/** Speed, loudness and noise; the shift belongs to where the sound is placed. */
export function viewSound(samples: Float32Array, view: AudioView): Float32Array {
  if (view === plainAudioView) return samples;
  const sped = view.speed === 1 ? samples : resample(samples, Math.round(view.speed * 1000), 1000);
  const power = sped.reduce((sum, value) => sum + value * value, 0) / Math.max(1, sped.length);
  const deviation = view.noise * Math.sqrt(power);
  const random = randomOf(view.noiseSeed ^ 0x5bd1e995);
  return sped.map((value) => view.gain * (value + (deviation === 0 ? 0 : deviation * gaussian(random))));
}

/** Box and Muller (1958). */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
