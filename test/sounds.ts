// Sounds for tests: WAV files of every kind, made from samples.

interface WavWish {
  readonly kind: 'pcm' | 'float' | 'raw';
  readonly bits: number;
  readonly sampleRate: number;
  readonly channels?: number;
  /** Format tag of 'raw'. */
  readonly tag?: number;
  readonly before?: { readonly id: string; readonly bytes: Uint8Array };
  readonly isExtensible?: boolean;
  /** What the header claims. */
  readonly dataSize?: number;
}

/** `samples` in [-1, 1], channels interleaved; with 'raw' the bytes themselves. */
export function encodeWav(samples: Float32Array | Uint8Array, wish: WavWish): Uint8Array {
  const { bits, sampleRate, channels = 1, before, isExtensible = false } = wish;
  const data =
    wish.kind === 'raw' ? Buffer.from(samples) : Buffer.concat(Array.from(samples, (value) => encodeSample(value, wish.kind, bits)));
  const tag = wish.kind === 'pcm' ? 1 : wish.kind === 'float' ? 3 : (wish.tag ?? 1);
  const format = Buffer.alloc(isExtensible ? 40 : 16);
  format.writeUInt16LE(isExtensible ? 0xfffe : tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(sampleRate, 4);
  format.writeUInt16LE(bits, 14);
  if (isExtensible) format.writeUInt16LE(tag, 24);
  const body = Buffer.concat([
    ...(before === undefined ? [] : [chunk(before.id, Buffer.from(before.bytes))]),
    chunk('fmt ', format),
    chunk('data', data, wish.dataSize),
  ]);
  return Buffer.concat([Buffer.from('RIFF'), uint32(body.length + 4), Buffer.from('WAVE'), body]);
}

function chunk(id: string, bytes: Buffer, claimed = bytes.length): Buffer {
  return Buffer.concat([Buffer.from(id), uint32(claimed), bytes, Buffer.alloc(bytes.length % 2)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function encodeSample(value: number, kind: WavWish['kind'], bits: number): Buffer {
  const bytes = Buffer.alloc(bits / 8);
  if (kind === 'float') {
    if (bits === 32) bytes.writeFloatLE(value);
    else bytes.writeDoubleLE(value);
    return bytes;
  }
  const top = 2 ** (bits - 1);
  const level = Math.min(top - 1, Math.round(value * top));
  if (bits === 8) bytes.writeUInt8(level + 128);
  else bytes.writeIntLE(level, 0, bits / 8);
  return bytes;
}
