import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createVoiceActivity, type Utterance } from '../../agent/preprocess/voice-activity.ts';
import { decodeWav } from '../../agent/preprocess/wav.ts';
import { randomOf } from '../../agent/random.ts';

const sampleRate = 8000;
const speech = fileURLToPath(new URL('../../../shared/data/fsdd', import.meta.url));
const at = (seconds: number) => Math.round(seconds * sampleRate);

const noise = (count: number, level: number, seed = 1) => {
  const random = randomOf(seed);
  return Float32Array.from({ length: count }, () => level * (random() + random() + random() + random() - 2));
};
/** A vowel: a voice of 120 Hz with its harmonics, loudest at 500 and 1500 Hz. */
const vowel = (seconds: number, level = 0.1) =>
  Float32Array.from({ length: at(seconds) }, (_, index) => {
    let sum = 0;
    for (let harmonic = 1; harmonic < 25; harmonic += 1) {
      const hertz = 120 * harmonic;
      const loudness = 1 / (1 + ((hertz - 500) / 200) ** 2) + 0.5 / (1 + ((hertz - 1500) / 300) ** 2) + 0.02;
      sum += loudness * Math.sin((2 * Math.PI * hertz * index) / sampleRate + harmonic);
    }
    return level * sum * Math.min(1, index / 80, (at(seconds) - index) / 80);
  });
const put = (base: Float32Array, sound: Float32Array, seconds: number) => {
  for (const [index, value] of sound.entries()) base[at(seconds) + index]! += value;
  return base;
};
const hear = (stream: Float32Array, options: Partial<Parameters<typeof createVoiceActivity>[0]> = {}, chunk = 400) => {
  const activity = createVoiceActivity({ sampleRate, ...options });
  const heard: Utterance[] = [];
  for (let from = 0; from < stream.length; from += chunk) heard.push(...activity.push(stream.subarray(from, from + chunk)));
  return [...heard, ...activity.flush()];
};

describe('createVoiceActivity', () => {
  it('finds each word in noise, with a little before it and its pauses', () => {
    const stream = noise(at(6), 0.004);
    for (const seconds of [1, 1.6, 4]) put(stream, vowel(seconds === 1.6 ? 0.2 : 0.4), seconds);
    const heard = hear(stream);
    expect(heard.map(({ end }) => end)).toEqual(['silence', 'silence']);
    const [first, second] = heard as [Utterance, Utterance];
    // 1.4 s to 1.6 s is a pause inside the first utterance.
    expect(first.start).toBeGreaterThan(at(0.8));
    expect(first.start).toBeLessThan(at(1));
    expect(first.start + first.samples.length).toBeGreaterThan(at(1.8));
    expect(first.start + first.samples.length).toBeLessThan(at(2.1));
    expect(second.start).toBeLessThan(at(4));
    expect(Array.from(second.samples)).toEqual(Array.from(stream.subarray(second.start, second.start + second.samples.length)));
  });

  it('gives the same however the stream is cut', () => {
    const stream = noise(at(5), 0.004);
    put(put(stream, vowel(0.4), 1), vowel(0.7), 3);
    const once = hear(stream, {}, stream.length);
    expect(once).toHaveLength(2);
    for (const chunk of [1, 7, 160, 1023, 8000]) expect(hear(stream, {}, chunk)).toEqual(once);
  });

  it('hears nothing in noise, hum, silence, or a click', () => {
    const hum = Float32Array.from({ length: at(10) }, (_, index) => 0.2 * Math.sin((2 * Math.PI * 50 * index) / sampleRate));
    const click = noise(at(3), 0.004);
    for (let index = 0; index < 80; index += 1) click[at(1) + index]! += index % 2 === 0 ? 0.5 : -0.5;
    for (const stream of [noise(at(20), 0.004), noise(at(20), 0.1, 2), hum, new Float32Array(at(5)), click])
      expect(hear(stream)).toEqual([]);
  });

  it('gets used to a fan, and hears a word beside it', () => {
    const stream = noise(at(30), 0.002);
    put(stream, noise(at(20), 0.03, 9), 10);
    put(stream, vowel(0.5, 0.15), 27);
    const late = hear(stream).filter(({ start }) => start > at(18));
    expect(late).toHaveLength(1);
    expect(late[0]!.start).toBeLessThan(at(27));
    expect(late[0]!.start).toBeGreaterThan(at(26.5));
  });

  it('cuts what does not end, and hands over what is unfinished', () => {
    const stream = put(noise(at(9), 0.003), vowel(7.5, 0.2), 1);
    const heard = hear(stream, { longestMs: 2000 });
    expect(heard[0]!.end).toBe('cut');
    for (const { samples } of heard) expect(samples.length).toBeLessThanOrEqual(at(2) + 160);
    const unfinished = hear(put(noise(at(2), 0.003), vowel(0.5), 1.5));
    expect(unfinished.map(({ end }) => end)).toEqual(['flush']);
  });

  it('begins anew after a flush', () => {
    const activity = createVoiceActivity({ sampleRate });
    const stream = put(noise(at(3), 0.004), vowel(0.4), 1);
    const first = [...activity.push(stream), ...activity.flush()];
    expect([...activity.push(stream), ...activity.flush()]).toEqual(first);
    expect(first).toHaveLength(1);
  });

  it('takes what is no number for silence', () => {
    const stream = noise(at(3), 0.004);
    stream.fill(Number.NaN, 100, 500);
    put(stream, vowel(0.4), 1);
    const heard = hear(stream);
    expect(heard).toHaveLength(1);
    expect(heard[0]!.samples.every(Number.isFinite)).toBe(true);
  });

  it.each([
    [{ sampleRate: 1000 }, /4000/],
    [{ sampleRate, offDb: 9 }, /offDb/],
    [{ sampleRate, longestMs: 100 }, /longestMs/],
    [{ sampleRate, hangoverMs: Number.NaN }, /hangoverMs/],
  ])('refuses %j', (options, message) => {
    expect(() => createVoiceActivity(options)).toThrow(message);
  });
});

describe.skipIf(!existsSync(speech))('on real speech (needs ../shared/data/fsdd)', () => {
  it.each([0.001, 0.005])('finds spoken digits one by one in noise of %d', (level) => {
    const names = ['george', 'jackson', 'theo', 'yweweler'].flatMap((speaker) => [1, 4, 7, 9].map((digit) => `${digit}_${speaker}_10.wav`));
    const words = names.map((name) => decodeWav(readFileSync(`${speech}/${name}`)).samples);
    const stream = noise(at(1 + 2 * words.length), level);
    words.forEach((word, index) => {
      // At one level: this is about noise, not about microphones.
      const peak = word.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      put(
        stream,
        word.subarray(0, at(1.2)).map((value) => (0.5 * value) / peak),
        1 + 2 * index,
      );
    });
    const heard = hear(stream);
    const found = words.map((_, index) => heard.filter(({ start }) => Math.floor((start + at(0.5)) / at(2)) === index).length);
    expect(found.filter((count) => count === 1).length).toBeGreaterThanOrEqual(words.length - 1);
    expect(found.every((count) => count >= 1)).toBe(true);
  });
});
