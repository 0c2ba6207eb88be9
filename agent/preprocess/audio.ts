// Encoded recording → the waveform that the model card describes, and a hash of how it sounds. The loudest part of a recording that is longer
// than the model's window is kept; a shorter one lies in the middle of silence. Refuses what cannot be decoded (`audio-unreadable`).
import type { AudioInput } from '../config/card.ts';
import { type AudioView, plainAudioView, viewSound } from './audio-augmentation.ts';
import { soundHash } from './audio-hash.ts';
import { decodeWithFfmpeg } from './ffmpeg-audio.ts';
import { resample } from './resample.ts';
import { decodeWav, isWav, type Sound } from './wav.ts';

export interface PreprocessedSound {
  /** [samples], in [-1, 1]: one capture, without the batch dimension. */
  readonly data: Float32Array;
  /** 64-bit hash of the energies in time and frequency. */
  readonly hash: bigint;
}

export async function preprocessAudio(bytes: Uint8Array, input: AudioInput, view: AudioView = plainAudioView): Promise<PreprocessedSound> {
  const samples = viewSound(await readSound(bytes, input.sampleRate), view);
  const window = levelled(placed(samples, input.samples, view.shift), input.level);
  return { data: window, hash: soundHash(window, input.sampleRate) };
}

/** The whole recording at this rate, in [-1, 1]. */
export async function readSound(bytes: Uint8Array, sampleRate: number): Promise<Float32Array> {
  const sound = await decodeSound(bytes, sampleRate);
  return resample(sound.samples, sound.sampleRate, sampleRate);
}

function decodeSound(bytes: Uint8Array, sampleRate: number): Sound | Promise<Sound> {
  return isWav(bytes) ? decodeWav(bytes) : decodeWithFfmpeg(bytes, sampleRate);
}

/** `shift` moves the result by that part of the window. */
function placed(samples: Float32Array, length: number, shift: number): Float32Array {
  const window = new Float32Array(length);
  const moved = Math.round(shift * length);
  if (samples.length <= length) {
    const from = Math.min(length - samples.length, Math.max(0, Math.floor((length - samples.length) / 2) + moved));
    window.set(samples, from);
    return window;
  }
  const first = Math.min(samples.length - length, Math.max(0, loudest(samples, length) - moved));
  window.set(samples.subarray(first, first + length));
  return window;
}

/** Where the `length` samples of the highest energy begin. */
function loudest(samples: Float32Array, length: number): number {
  let energy = 0;
  for (let at = 0; at < length; at += 1) energy += (samples[at] as number) ** 2;
  let best = { energy, first: 0 };
  for (let first = 1; first + length <= samples.length; first += 1) {
    energy += (samples[first + length - 1] as number) ** 2 - (samples[first - 1] as number) ** 2;
    if (energy > best.energy) best = { energy, first };
  }
  return best.first;
}

/** 'peak' makes the largest sample 1; silence stays silence. */
function levelled(samples: Float32Array, level: AudioInput['level']): Float32Array {
  if (level === 'none') return samples;
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return peak < 1e-4 ? samples : samples.map((value) => value / peak);
}
