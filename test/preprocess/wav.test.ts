import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWav, isWav } from '../../agent/preprocess/wav.ts';
import { encodeWav } from '../sounds.ts';

const tone = (count: number) => Float32Array.from({ length: count }, (_, at) => 0.5 * Math.sin(at / 7));

describe('decodeWav', () => {
  it.each([
    ['pcm', 8, 1 / 128],
    ['pcm', 16, 1 / 2 ** 15],
    ['pcm', 24, 1 / 2 ** 23],
    ['pcm', 32, 1 / 2 ** 24],
    ['float', 32, 0],
    ['float', 64, 0],
  ] as const)('reads %s of %i bits to within a step', (kind, bits, step) => {
    const { samples, sampleRate } = decodeWav(encodeWav(tone(500), { kind, bits, sampleRate: 11_025 }));
    expect(sampleRate).toBe(11_025);
    expect(samples.length).toBe(500);
    for (const [at, value] of tone(500).entries()) expect(Math.abs((samples[at] as number) - value)).toBeLessThanOrEqual(step + 1e-7);
  });

  it('reads the end points of every integer width as −1 and just below 1', () => {
    const ends = (bits: 8 | 16 | 24 | 32) => [
      ...decodeWav(encodeWav(Float32Array.of(-1, 1), { kind: 'pcm', bits, sampleRate: 8000 })).samples,
    ];
    for (const bits of [8, 16, 24, 32] as const) {
      const [low, high] = ends(bits);
      expect(low).toBe(-1);
      expect(high).toBeGreaterThan(0.99);
      expect(high).toBeLessThanOrEqual(1);
    }
  });

  it('expands A-law and µ-law as G.711 says', () => {
    const one = (tag: number, code: number) =>
      decodeWav(encodeWav(Uint8Array.of(code), { kind: 'raw', tag, bits: 8, sampleRate: 8000 })).samples[0];
    // Values of the standard's tables, on a 16-bit scale.
    expect((one(7, 0x00) ?? 0) * 2 ** 15).toBe(-32_124);
    expect((one(7, 0x80) ?? 0) * 2 ** 15).toBe(32_124);
    expect(Math.abs((one(7, 0xff) ?? 1) * 2 ** 15)).toBe(0);
    expect((one(6, 0x55) ?? 0) * 2 ** 15).toBe(-8);
    expect((one(6, 0xd5) ?? 0) * 2 ** 15).toBe(8);
    expect((one(6, 0xaa) ?? 0) * 2 ** 15).toBe(32_256);
  });

  it('mixes channels down, skips foreign chunks, reads the extensible form and files still being written', () => {
    const stereo = Float32Array.of(0.5, -0.5, 0.25, 0.75);
    expect([...decodeWav(encodeWav(stereo, { kind: 'float', bits: 32, sampleRate: 8000, channels: 2 })).samples]).toEqual([0, 0.5]);
    const odd = encodeWav(tone(10), { kind: 'pcm', bits: 16, sampleRate: 8000, before: { id: 'LIST', bytes: new Uint8Array(5) } });
    expect(decodeWav(odd).samples.length).toBe(10);
    expect(decodeWav(encodeWav(tone(10), { kind: 'pcm', bits: 16, sampleRate: 8000, isExtensible: true })).samples.length).toBe(10);
    expect(decodeWav(encodeWav(tone(10), { kind: 'pcm', bits: 16, sampleRate: 8000, dataSize: 0 })).samples.length).toBe(10);
    expect(decodeWav(encodeWav(tone(10), { kind: 'pcm', bits: 16, sampleRate: 8000, dataSize: 0xffff_ffff })).samples.length).toBe(10);
  });

  describe('24 bits in four bytes', () => {
    const wanted = [...tone(300)].map((value) => Math.round(value * 2 ** 23));
    const bytesOf = (shift: number) => new Uint8Array(Int32Array.from(wanted, (value) => value << shift).buffer);
    const file = (data: Uint8Array, blockAlign: number) => {
      const bytes = Buffer.from(encodeWav(data, { kind: 'raw', tag: 1, bits: 24, sampleRate: 8000 }));
      bytes.writeUInt16LE(blockAlign, 32);
      return bytes;
    };

    it.each([
      ['filled from the top', 8],
      ['filled from the bottom', 0],
    ])('%s', (_what, shift) => {
      const { samples } = decodeWav(file(bytesOf(shift), 4));
      expect([...samples].map((value) => value * 2 ** 23)).toEqual(wanted);
    });

    it('three bytes stay three where the size of a block is written in bits', () => {
      const three = encodeWav(tone(300), { kind: 'pcm', bits: 24, sampleRate: 8000 });
      const wrong = Buffer.from(three);
      wrong.writeUInt16LE(24, 32);
      expect(decodeWav(wrong).samples).toEqual(decodeWav(three).samples);
    });
  });

  it('reads the other byte order', () => {
    const little = Buffer.from(encodeWav(tone(100), { kind: 'pcm', bits: 16, sampleRate: 8000 }));
    const big = Buffer.from(little);
    big.write('RIFX', 0, 'latin1');
    for (const at of [4, 16, 24, 28, 40]) big.writeUInt32BE(little.readUInt32LE(at), at);
    for (const at of [20, 22, 32, 34]) big.writeUInt16BE(little.readUInt16LE(at), at);
    for (let at = 44; at < big.length; at += 2) big.writeInt16BE(little.readInt16LE(at), at);
    expect(decodeWav(big)).toEqual(decodeWav(little));
  });

  it('finds the data also where a chunk of odd size has no padding', () => {
    const padded = encodeWav(tone(10), { kind: 'pcm', bits: 16, sampleRate: 8000, before: { id: 'LIST', bytes: new Uint8Array(5) } });
    const bare = Buffer.concat([padded.subarray(0, 12 + 8 + 5), padded.subarray(12 + 8 + 6)]);
    expect(decodeWav(bare).samples).toEqual(decodeWav(padded).samples);
  });

  it('takes the louder channel where the channels cancel, and their mean where one is only empty', () => {
    const stereo = (right: (value: number) => number) =>
      encodeWav(Float32Array.from([...tone(200)].flatMap((value) => [value, right(value)])), {
        kind: 'float',
        bits: 32,
        sampleRate: 8000,
        channels: 2,
      });
    expect(decodeWav(stereo((value) => -1.01 * value)).samples).toEqual(tone(200).map((value) => -1.01 * value));
    expect(decodeWav(stereo(() => 0)).samples).toEqual(tone(200).map((value) => value / 2));
  });

  it('refuses what it cannot read, with the reason', () => {
    const good = encodeWav(tone(10), { kind: 'pcm', bits: 16, sampleRate: 8000 });
    expect(isWav(good)).toBe(true);
    expect(() => decodeWav(good.subarray(0, 30))).toThrow(/no data|cut short/);
    expect(() => decodeWav(good.subarray(0, 44))).toThrow(/no sample/);
    expect(() => decodeWav(Buffer.from('RIFF....WAVE'))).toThrow(/no data/);
    expect(() => decodeWav(Buffer.from('hello, this is text'))).toThrow(/does not begin like a WAV/);
    expect(() => decodeWav(encodeWav(tone(10), { kind: 'raw', tag: 2, bits: 4, sampleRate: 8000 }))).toThrow(/tag 2, 4 bits/);
    expect(() => decodeWav(encodeWav(Float32Array.of(Number.NaN), { kind: 'float', bits: 32, sampleRate: 8000 }))).toThrow(/no numbers/);
    expect(() => decodeWav(encodeWav(tone(10), { kind: 'pcm', bits: 16, sampleRate: 10 }))).toThrow(/sample rate is 10 Hz/);
  });

  it('survives any bytes with a named refusal', () => {
    const header = encodeWav(tone(20), { kind: 'pcm', bits: 16, sampleRate: 8000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 83 }), fc.nat({ max: 255 })), { maxLength: 6 }), (changes) => {
        const bytes = Uint8Array.from(header);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          expect(decodeWav(bytes).samples.every(Number.isFinite)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'audio-unreadable' });
        }
      }),
    );
  });

  const real = fileURLToPath(new URL('../../../shared/data/fsdd/', import.meta.url));
  it.skipIf(!existsSync(real))('reads real recordings (skipped where ../shared is absent)', () => {
    const { samples, sampleRate } = decodeWav(readFileSync(`${real}0_jackson_0.wav`));
    expect(sampleRate).toBe(8000);
    expect(samples.length).toBeGreaterThan(1000);
    expect(Math.max(...samples)).toBeGreaterThan(0.05);
  });
});
