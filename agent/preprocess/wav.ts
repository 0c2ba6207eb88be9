// WAV bytes → samples. Reads PCM of 8, 16, 24 and 32 bits, float of 32 and 64, A-law and µ-law, any rate and number of channels (mixed down
// to one). Refuses (`audio-unreadable`) what is not WAV, is cut short before its first sample, or is longer than the limit.
import { WhetError } from '../errors.ts';

export interface Sound {
  /** Mono, nominally within [-1, 1]. */
  readonly samples: Float32Array;
  readonly sampleRate: number;
}

/** Longer recordings are cut into captures before they come here. */
export const maxSoundSeconds = 600;

interface Format {
  readonly tag: number;
  readonly channels: number;
  readonly sampleRate: number;
  readonly bits: number;
}

/** Reads one sample at a byte offset, scaled to [-1, 1]. */
type Reader = (view: DataView, at: number) => number;

const [pcm, ieeeFloat, aLaw, muLaw, extensible] = [1, 3, 6, 7, 0xfffe];

export function isWav(bytes: Uint8Array): boolean {
  return text(bytes, 0) === 'RIFF' && text(bytes, 8) === 'WAVE';
}

export function decodeWav(bytes: Uint8Array): Sound {
  if (!isWav(bytes)) throw unreadable('it does not begin like a WAV file');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: Format | null = null;
  // Chunks follow one another; sizes of files that are still being written may be 0 or too large, so they are held within the file.
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    const from = at + 8;
    const to = Math.min(bytes.length, from + size);
    if (text(bytes, at) === 'fmt ') format = readFormat(view, from, to);
    if (text(bytes, at) === 'data') {
      if (format === null) throw unreadable('its data comes before its format');
      return readSamples(view, from, size === 0 ? bytes.length : to, format);
    }
    at = from + size + (size % 2);
  }
  throw unreadable('it holds no data');
}

function readFormat(view: DataView, from: number, to: number): Format {
  if (to - from < 16) throw unreadable('its format is cut short');
  const tag = view.getUint16(from, true);
  const format = {
    channels: view.getUint16(from + 2, true),
    sampleRate: view.getUint32(from + 4, true),
    bits: view.getUint16(from + 14, true),
  };
  if (format.channels < 1 || format.channels > 64) throw unreadable(`it has ${format.channels} channels`);
  if (format.sampleRate < 1000 || format.sampleRate > 768_000) throw unreadable(`its sample rate is ${format.sampleRate} Hz`);
  // The extensible form names the real tag in the first bytes of its sub-format.
  return { ...format, tag: tag === extensible && to - from >= 26 ? view.getUint16(from + 24, true) : tag };
}

function readSamples(view: DataView, from: number, to: number, { tag, channels, sampleRate, bits }: Format): Sound {
  const read = readerOf(tag, bits);
  const width = bits / 8;
  const count = Math.floor((to - from) / (width * channels));
  if (count === 0) throw unreadable('it holds no sample');
  if (count > maxSoundSeconds * sampleRate)
    throw unreadable(`it is ${Math.round(count / sampleRate)} s long, more than ${maxSoundSeconds} s`);
  const samples = new Float32Array(count);
  for (let index = 0, at = from; index < count; index += 1) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel += 1, at += width) sum += read(view, at);
    samples[index] = sum / channels;
  }
  if (samples.some((value) => !Number.isFinite(value))) throw unreadable('it holds samples that are no numbers');
  return { samples, sampleRate };
}

function readerOf(tag: number, bits: number): Reader {
  const reader = readers[`${tag}/${bits}`];
  if (reader === undefined) throw unreadable(`its format (tag ${tag}, ${bits} bits) is not one that is read here`);
  return reader;
}

const readers: Readonly<Record<string, Reader>> = {
  // 8-bit WAV is unsigned, all wider ones are signed.
  [`${pcm}/8`]: (view, at) => (view.getUint8(at) - 128) / 128,
  [`${pcm}/16`]: (view, at) => view.getInt16(at, true) / 2 ** 15,
  [`${pcm}/24`]: (view, at) => ((view.getUint16(at, true) << 8) | (view.getInt8(at + 2) << 24)) / 2 ** 31,
  [`${pcm}/32`]: (view, at) => view.getInt32(at, true) / 2 ** 31,
  [`${ieeeFloat}/32`]: (view, at) => view.getFloat32(at, true),
  [`${ieeeFloat}/64`]: (view, at) => view.getFloat64(at, true),
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

function unreadable(reason: string): WhetError {
  return new WhetError('audio-unreadable', `the recording cannot be read: ${reason}`, {
    hint: 'WAV with PCM of 8 to 32 bits, float, A-law or µ-law is read; other formats where ffmpeg is installed.',
  });
}
