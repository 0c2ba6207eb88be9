import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { imageInputSchema } from '../../agent/config/card.ts';
import { preprocessImage } from '../../agent/preprocess/image.ts';
import { differenceHash, hammingDistance } from '../../agent/preprocess/perceptual-hash.ts';
import { photograph, photographClasses } from '../images.ts';

const photographs = new URL('../../../shared/data/imagenet/', import.meta.url);
const input = imageInputSchema.parse({ kind: 'image', width: 96, height: 96, layout: 'nchw' });
const hashOf = async (bytes: Uint8Array) => (await preprocessImage(bytes, input)).hash;

describe('the difference hash', () => {
  test('has a bit for every place that gets brighter, row by row, the first in bit 63', () => {
    const gray = Array.from({ length: 72 }, (_, at) => (at % 9) * 10);
    expect(differenceHash(gray, 9, 8)).toBe(0xffffffffffffffffn);
    expect(differenceHash(gray.toReversed(), 9, 8)).toBe(0n);
    const one = new Array(72).fill(100);
    one[1] = 200;
    expect(differenceHash(one, 9, 8)).toBe(1n << 63n);
  });

  test('averages areas: a picture and its threefold enlargement have the same hash', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { minLength: 72, maxLength: 72 }), (quarters) => {
        // Steps of four levels stay clear of the noise limit, where rounding decides.
        const gray = quarters.map((value) => value * 4);
        const large = Uint8Array.from(
          { length: 72 * 9 },
          (_, at) => gray[Math.floor(Math.floor(at / 27) / 3) * 9 + Math.floor((at % 27) / 3)]!,
        );
        expect(differenceHash(large, 27, 24)).toBe(differenceHash(gray, 9, 8));
      }),
      { numRuns: 50 },
    );
  });

  test('a flat picture with noise has the hash 0', () => {
    const noisy = Uint8Array.from({ length: 96 * 96 }, (_, at) => 40 + ((at * 7919) % 5));
    expect(differenceHash(noisy, 96, 96)).toBe(0n);
  });

  test('the distance is the number of bits that differ', () => {
    expect(hammingDistance(0n, 0xffffffffffffffffn)).toBe(64);
    const naive = (a: bigint, b: bigint) => (a ^ b).toString(2).replaceAll('0', '').length;
    const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(hammingDistance(a, b)).toBe(naive(a, b));
      }),
    );
  });

  async function spoiled(original: Buffer): Promise<readonly Buffer[]> {
    return Promise.all([
      sharp(original).jpeg({ quality: 40 }).toBuffer(),
      sharp(original).resize(120).jpeg().toBuffer(),
      sharp(original).blur(1.2).png().toBuffer(),
      sharp(original).modulate({ brightness: 1.1 }).jpeg().toBuffer(),
    ]);
  }

  test('what a camera does to a picture changes few bits, another picture many', async () => {
    const alike: number[] = [];
    const different: number[] = [];
    for (const [index, label] of photographClasses.entries()) {
      const original = await photograph(label, index, { width: 192, height: 192, format: 'png' });
      const hash = await hashOf(original);
      for (const bytes of await spoiled(original)) alike.push(hammingDistance(hash, await hashOf(bytes)));
      for (const other of [await photograph(label, index + 100), await photograph(photographClasses[(index + 1) % 8]!, index)]) {
        different.push(hammingDistance(hash, await hashOf(other)));
      }
    }
    // The flat grounds of drawings are at the mercy of noise; photographs (below) are steadier.
    alike.sort((a, b) => a - b);
    expect(alike[Math.floor(alike.length * 0.8)]).toBeLessThanOrEqual(4);
    expect(Math.min(...different)).toBeGreaterThan(4);
  });

  test.skipIf(!existsSync(photographs))('the same on real photographs (needs ../shared/data/imagenet)', async () => {
    const files = readdirSync(photographs).filter((name) => name.endsWith('.JPEG'));
    const originals = await Promise.all(files.slice(0, 12).map((name) => readFileSync(new URL(name, photographs))));
    const hashes = await Promise.all(originals.map(hashOf));
    for (const [index, original] of originals.entries()) {
      for (const bytes of await spoiled(original)) expect(hammingDistance(hashes[index]!, await hashOf(bytes))).toBeLessThanOrEqual(6);
      const others = hashes.filter((_, other) => other !== index).map((hash) => hammingDistance(hashes[index]!, hash));
      expect(Math.min(...others)).toBeGreaterThan(12);
    }
  });
});
