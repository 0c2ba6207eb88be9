// WAV bytes → samples, read where they are wanted, so that an hour takes no more memory than a second. Reads PCM of 8, 16, 24 and 32 bits, float
// of 32 and 64, A-law and µ-law, of either byte order, any rate and number of channels (mixed down to one). Refuses (`audio-unreadable`) what is
// not WAV, is cut short before its first sample, or is longer than the limit.
import { WhetError } from '../errors.ts';

export interface Sound {
  /** Mono, nominally within [-1, 1]. */
  readonly samples: Float32Array;
  readonly sampleRate: number;
}

/** A recording whose samples are made when they are asked for. */
export interface SoundSource {
  readonly sampleRate: number;
  readonly length: number;
  /** Every sample of every channel is 0: no microphone gives that. */
  readonly isSilent: boolean;
  /** Mono, nominally within [-1, 1]. */
  slice(from: number, to: number): Float32Array;
}

/** Longer recordings are cut into captures before they come here. */
export const maxSoundSeconds = 600;

interface Format {
  readonly tag: number;
  readonly channels: number;
  readonly sampleRate: number;
  readonly bits: number;
  /** Bytes of one sample of one channel. */
  readonly width: number;
  /** Little-endian: RIFF and not RIFX. */
  readonly little: boolean;
}

/** Reads one sample at a byte offset, scaled to [-1, 1]. */
type Reader = (view: DataView, at: number, little: boolean) => number;

const [pcm, ieeeFloat, aLaw, muLaw, extensible] = [1, 3, 6, 7, 0xfffe];

export function isWav(bytes: Uint8Array): boolean {
  return ['RIFF', 'RIFX'].includes(text(bytes, 0)) && text(bytes, 8) === 'WAVE';
}

export function decodeWav(bytes: Uint8Array): Sound {
  const source = openWav(bytes);
  return { samples: source.slice(0, source.length), sampleRate: source.sampleRate };
}

export function openWav(bytes: Uint8Array): SoundSource {
  if (!isWav(bytes)) throw unreadable('it does not begin like a WAV file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = text(bytes, 0) === 'RIFF';
  let format: Format | null = null;
  // Chunks follow one another; sizes of files that are still being written may be 0 or too large, so they are held within the file.
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, little);
    const from = at + 8;
    const to = Math.min(bytes.length, from + size);
    if (text(bytes, at) === 'fmt ') format = readFormat(view, from, to, little);
    if (text(bytes, at) === 'data') {
      if (format === null) throw unreadable('its data comes before its format');
      return openSamples(view, from, size === 0 ? bytes.length : to, format);
    }
    // A byte pads chunks of odd size; some writers leave it out.
    const padded = from + size + (size % 2);
    at = size % 2 === 1 && !isId(bytes, padded) && isId(bytes, padded - 1) ? padded - 1 : padded;
  }
  throw unreadable('it holds no data');
}

function isId(bytes: Uint8Array, at: number): boolean {
  return /^[\x20-\x7e]{4}$/.test(text(bytes, at));
}

function readFormat(view: DataView, from: number, to: number, little: boolean): Format {
  if (to - from < 16) throw unreadable('its format is cut short');
  const tag = view.getUint16(from, little);
  const channels = view.getUint16(from + 2, little);
  const sampleRate = view.getUint32(from + 4, little);
  const bits = view.getUint16(from + 14, little);
  if (channels < 1 || channels > 64) throw unreadable(`it has ${channels} channels`);
  if (sampleRate < 1000 || sampleRate > 768_000) throw unreadable(`its sample rate is ${sampleRate} Hz`);
  // Four bytes for fewer bits are common; other block sizes are often wrong (written in bits) and the bits right.
  const width = bits > 16 && bits <= 24 && view.getUint16(from + 12, little) === 4 * channels ? 4 : bits / 8;
  // The extensible form names the real tag in the first bytes of its sub-format.
  return {
    tag: tag === extensible && to - from >= 26 ? view.getUint16(from + 24, little) : tag,
    channels,
    sampleRate,
    bits,
    width,
    little,
  };
}

function openSamples(view: DataView, from: number, to: number, format: Format): SoundSource {
  const { channels, sampleRate, width, little } = format;
  const read = readerOf(view, from, to, format);
  const length = Math.floor((to - from) / (width * channels));
  if (length === 0) throw unreadable('it holds no sample');
  if (length > maxSoundSeconds * sampleRate)
    throw unusable(`it is ${Math.round(length / sampleRate)} s long, more than ${maxSoundSeconds} s`);
  const { only, isSilent } = audible(view, from, length, read, format);
  return {
    sampleRate,
    length,
    isSilent,
    slice(first, last) {
      const samples = new Float32Array(Math.max(0, Math.min(last, length) - first));
      const step = width * channels;
      if (only !== null) {
        for (let index = 0, at = from + first * step + only * width; index < samples.length; index += 1, at += step)
          samples[index] = read(view, at, little);
        return samples;
      }
      for (let index = 0, at = from + first * step; index < samples.length; index += 1) {
        let sum = 0;
        for (let channel = 0; channel < channels; channel += 1, at += width) sum += read(view, at, little);
        samples[index] = sum / channels;
      }
      return samples;
    },
  };
}

/** What the mean of the channels keeps of their energy, at least; below it they cancel. */
const mixKeeps = 0.1;

/** The loudest channel alone where all cancel in their mean, as those of a microphone with one lead turned round do; null: the mean. */
function audible(view: DataView, from: number, length: number, read: Reader, { channels, width, little }: Format) {
  const energies = new Float64Array(channels);
  let mixed = 0;
  for (let index = 0, at = from; index < length; index += 1) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel += 1, at += width) {
      const value = read(view, at, little);
      energies[channel]! += value * value;
      sum += value;
    }
    mixed += (sum / channels) ** 2;
  }
  const energy = energies.reduce((sum, value) => sum + value, 0) / channels;
  // Not a number, or not finite, as soon as one sample is.
  if (!Number.isFinite(energy)) throw unusable('it holds samples that are no numbers');
  return { isSilent: energy === 0, only: mixed < mixKeeps * energy ? energies.indexOf(Math.max(...energies)) : null };
}

function readerOf(view: DataView, from: number, to: number, { tag, bits, width, little }: Format): Reader {
  if (tag === pcm && width === 4 && bits < 32) return isRightAligned(view, from, to, little) ? readers.right24! : readers[`${pcm}/32`]!;
  const name = `${tag}/${bits}`;
  const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (reader === undefined) throw unreadable(`its format (tag ${tag}, ${bits} bits) is not one that is read here`);
  return reader;
}

/** Whether the top one of four bytes is nothing but the sign of the three below it. Four bytes are as a rule filled from the top. */
function isRightAligned(view: DataView, from: number, to: number, little: boolean): boolean {
  for (let at = from; at + 4 <= to; at += 4) {
    const value = view.getInt32(at, little);
    if (value !== (value << 8) >> 8) return false;
  }
  return true;
}

const readers: Readonly<Record<string, Reader>> = {
  // 8-bit WAV is unsigned, all wider ones are signed.
  [`${pcm}/8`]: (view, at) => (view.getUint8(at) - 128) / 128,
  [`${pcm}/16`]: (view, at, little) => view.getInt16(at, little) / 2 ** 15,
  [`${pcm}/24`]: (view, at, little) =>
    little
      ? ((view.getUint16(at, true) << 8) | (view.getInt8(at + 2) << 24)) / 2 ** 31
      : ((view.getInt8(at) << 24) | (view.getUint16(at + 1) << 8)) / 2 ** 31,
  right24: (view, at, little) => view.getInt32(at, little) / 2 ** 23,
  [`${pcm}/32`]: (view, at, little) => view.getInt32(at, little) / 2 ** 31,
  [`${ieeeFloat}/32`]: (view, at, little) => view.getFloat32(at, little),
  [`${ieeeFloat}/64`]: (view, at, little) => view.getFloat64(at, little),
  [`${aLaw}/8`]: (view, at) => expandALaw(view.getUint8(at)),
  [`${muLaw}/8`]: (view, at) => expandMuLaw(view.getUint8(at)),
};

/** ITU-T G.711 µ-law. */
function expandMuLaw(code: number): number {
  const inverted = ~code & 0xff;
  const exponent = (inverted >> 4) & 7;
  const magnitude = (((inverted & 0x0f) << 3) + 0x84) << exponent;
  return ((inverted & 0x80) !== 0 ? 0x84 - magnitude : magnitude - 0x84) / 2 ** 15;
}

/** ITU-T G.711 A-law. */
function expandALaw(code: number): number {
  const toggled = code ^ 0x55;
  const exponent = (toggled >> 4) & 7;
  const mantissa = (toggled & 0x0f) << 4;
  const magnitude = exponent === 0 ? mantissa + 8 : (mantissa + 0x108) << (exponent - 1);
  return ((toggled & 0x80) !== 0 ? magnitude : -magnitude) / 2 ** 15;
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

/** It was read, and is of no use: nobody else has to try. */
class UnusableSound extends WhetError {}

/** Whether another reader may make something of it. */
export function isForeign(error: unknown): error is WhetError {
  return error instanceof WhetError && error.code === 'audio-unreadable' && !(error instanceof UnusableSound);
}

function unusable(reason: string): WhetError {
  return new UnusableSound('audio-unreadable', `the recording cannot be used: ${reason}`, {
    hint: `Recordings of at most ${maxSoundSeconds} s with samples that are finite are read.`,
  });
}

function unreadable(reason: string): WhetError {
  return new WhetError('audio-unreadable', `the recording cannot be read: ${reason}`, {
    hint: 'WAV with PCM of 8 to 32 bits, float, A-law or µ-law is read; other formats where ffmpeg is installed.',
  });
}
