// Raw 16-bit PCM as sound programs print it ⇄ samples, and samples as a WAV file. Pure; chunks may end within a sample.

/** Takes chunks of signed 16-bit little-endian mono PCM, gives the whole samples in [-1, 1). */
export function createPcmReader(): (chunk: Uint8Array) => Float32Array {
  let half: number | null = null;
  return (chunk) => {
    const bytes = half === null ? chunk : Uint8Array.of(half, ...chunk);
    half = bytes.length % 2 === 0 ? null : (bytes.at(-1) as number);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Float32Array.from({ length: Math.floor(bytes.length / 2) }, (_, index) => view.getInt16(2 * index, true) / 2 ** 15);
  };
}

/** Samples as signed 16-bit little-endian PCM; what lies outside [-1, 1] is cut off. */
export function toPcm(samples: Float32Array): Uint8Array {
  const bytes = new Uint8Array(2 * samples.length);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of samples.entries()) {
    view.setInt16(2 * index, Math.max(-(2 ** 15), Math.min(2 ** 15 - 1, Math.round(value * 2 ** 15))), true);
  }
  return bytes;
}

/** A WAV file: mono, PCM of 16 bits (Multimedia Programming Interface 1.0, "Waveform Audio File Format"). */
export function toWav(samples: Float32Array, sampleRate: number): Uint8Array {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + 2 * samples.length, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(2 * sampleRate, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(2 * samples.length, 40);
  return new Uint8Array(Buffer.concat([header, toPcm(samples)]));
}
