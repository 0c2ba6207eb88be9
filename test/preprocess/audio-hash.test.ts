import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { preprocessAudio } from '../../agent/preprocess/audio.ts';
import { soundHash } from '../../agent/preprocess/audio-hash.ts';
import { hammingDistance } from '../../agent/preprocess/perceptual-hash.ts';

const speech = new URL('../../../shared/data/fsdd/', import.meta.url);
const input = { kind: 'audio', sampleRate: 8000, samples: 8000, level: 'peak' } as const;

/** Tones of these frequencies one after the other, with a soft end each. */
const melody = (frequencies: readonly number[], level = 1) =>
  Float32Array.from({ length: frequencies.length * 1000 }, (_, at) => {
    const part = (at % 1000) / 1000;
    return level * Math.sin(Math.PI * part) * Math.sin((2 * Math.PI * frequencies[Math.floor(at / 1000)]! * at) / 8000);
  });

describe('the hash of a sound', () => {
  it('is the same when it is softer, or lies elsewhere in silence, and another for another melody', () => {
    const one = melody([250, 900, 400, 1900]);
    const moved = new Float32Array(12_000);
    moved.set(melody([250, 900, 400, 1900], 0.3), 128 * 20);
    expect(hammingDistance(soundHash(one, 8000), soundHash(moved, 8000))).toBeLessThan(4);
    expect(hammingDistance(soundHash(one, 8000), soundHash(melody([1900, 400, 900, 250]), 8000))).toBeGreaterThan(8);
  });

  it('is 0 for silence, however long', () => {
    for (const length of [0, 1, 500, 9000]) expect(soundHash(new Float32Array(length), 8000)).toBe(0n);
  });

  it.skipIf(!existsSync(speech))('tells words apart that one person says (needs ../shared)', async () => {
    const names = Array.from({ length: 10 }, (_, digit) => [`${digit}_george_0.wav`, `${digit}_george_1.wav`]).flat();
    const hashes = await Promise.all(names.map(async (name) => (await preprocessAudio(readFileSync(new URL(name, speech)), input)).hash));
    const distances = hashes.flatMap((a, index) => hashes.slice(0, index).map((b) => hammingDistance(a, b)));
    expect(Math.min(...distances)).toBeGreaterThan(4);
  });
});
