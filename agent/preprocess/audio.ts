// Encoded recording → the waveform that the model card describes, and a hash of how it sounds. The loudest part of a recording that is longer
// than the model's window is kept; a shorter one lies in the middle of silence. Refuses what cannot be decoded (`audio-unreadable`).
import type { AudioInput } from '../config/card.ts';
import { WhetError } from '../errors.ts';
import { type AudioView, plainAudioView, viewSound } from './audio-augmentation.ts';
import { soundHash } from './audio-hash.ts';
import { decodeWithFfmpeg } from './ffmpeg-audio.ts';
import { loudest, thinned } from './loudest.ts';
import { resampledLength, resampleRange } from './resample.ts';
import { isForeign, isWav, openWav, type SoundSource } from './wav.ts';

export interface PreprocessedSound {
  /** [samples], in [-1, 1]: one capture, without the batch dimension. */
  readonly data: Float32Array;
  /** 64-bit hash of the energies in time and frequency. */
  readonly hash: bigint;
}

export async function preprocessAudio(bytes: Uint8Array, input: AudioInput, view: AudioView = plainAudioView): Promise<PreprocessedSound> {
  return windowOf(await readAround(bytes, input), input, view);
}

/** What was heard → the window of the model, as it was or as it might have been. */
export function windowOf(heard: Float32Array, input: AudioInput, view: AudioView = plainAudioView): PreprocessedSound {
  const window = levelled(placed(viewSound(heard, view), input.samples, view.shift), input.level);
  return { data: window, hash: soundHash(window, input.sampleRate) };
}

/** The recording at the model's rate; of one that is longer than two windows, two windows with the loudest one in their middle. */
export async function readAround(bytes: Uint8Array, input: AudioInput): Promise<Float32Array> {
  const source = await openSound(bytes, input.sampleRate);
  if (source.isSilent) {
    throw new WhetError('audio-unreadable', 'the recording is silent: every sample is 0', {
      hint: 'Is the right microphone chosen, and not muted? Even a quiet room is not exactly 0.',
    });
  }
  const total = resampledLength(source.length, source.sampleRate, input.sampleRate);
  const wanted = Math.min(total, 2 * input.samples);
  const first = wanted === total ? 0 : Math.round(startOf(source, input) - (wanted - input.samples) / 2);
  const range = { first: Math.max(0, Math.min(total - wanted, first)), count: wanted };
  return resampleRange(source, source.sampleRate, input.sampleRate, range);
}

/** Where the loudest window begins, in samples of the model's rate. */
function startOf(source: SoundSource, { sampleRate, samples }: AudioInput): number {
  const factor = Math.max(1, Math.floor(source.sampleRate / sampleRate));
  const ratio = (sampleRate / source.sampleRate) * factor;
  return loudest(thinned(source, factor), Math.round(samples / ratio)) * ratio;
}

/** The whole recording at this rate, in [-1, 1]. */
export async function readSound(bytes: Uint8Array, sampleRate: number): Promise<Float32Array> {
  const source = await openSound(bytes, sampleRate);
  const count = resampledLength(source.length, source.sampleRate, sampleRate);
  return resampleRange(source, source.sampleRate, sampleRate, { first: 0, count });
}

/** WAV is read here; ffmpeg reads the rest, and what is rare inside of a WAV. */
async function openSound(bytes: Uint8Array, sampleRate: number): Promise<SoundSource> {
  if (!isWav(bytes)) return openWav(await decodeWithFfmpeg(bytes, sampleRate));
  try {
    return openWav(bytes);
  } catch (own) {
    if (!isForeign(own)) throw own;
    const decoded = await decodeWithFfmpeg(bytes, sampleRate).catch((other: WhetError) => {
      const reason = other.message.replace(/^the recording cannot be read: /, '');
      throw new WhetError('audio-unreadable', `${own.message}; ${reason}`, { hint: other.hint ?? '', cause: own });
    });
    return openWav(decoded);
  }
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
  const at = loudest({ length: samples.length, slice: (from, to) => samples.subarray(from, to) }, length);
  const first = Math.min(samples.length - length, Math.max(0, at - moved));
  window.set(samples.subarray(first, first + length));
  return window;
}

/** 'peak' makes the largest sample 1; silence stays silence. */
function levelled(samples: Float32Array, level: AudioInput['level']): Float32Array {
  if (level === 'none') return samples;
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return peak < 1e-4 ? samples : samples.map((value) => value / peak);
}
