import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { foreignSpeaker, knownSpeaker, readRecordings, shippedRecordings } from '../../agent/demo/recordings.ts';
import { decodeWav } from '../../agent/preprocess/wav.ts';
import { temporaryDirectory } from '../store/fixtures.ts';

const speech = fileURLToPath(new URL('../../../shared/data/fsdd', import.meta.url));

describe('recordings of the demo', () => {
  it('ship as small WAV files: words to judge by, others to tell, and a speaker who is known', async () => {
    const { judged, told } = await readRecordings(shippedRecordings, foreignSpeaker, 3);
    expect([judged.length, told.length]).toEqual([30, 30]);
    expect(new Set(judged.map(({ digit }) => digit)).size).toBe(10);
    const { judged: known } = await readRecordings(shippedRecordings, knownSpeaker, 1);
    expect(known.map(({ digit }) => digit)).toEqual([...'0123456789']);
    for (const { bytes } of [...judged, ...told, ...known]) {
      const { samples, sampleRate } = decodeWav(bytes);
      expect(sampleRate).toBe(8000);
      expect(Math.max(...samples)).toBeGreaterThan(0.2);
      expect(samples.length / sampleRate).toBeLessThan(1);
    }
    const sizes = readdirSync(shippedRecordings).map((name) => statSync(join(shippedRecordings, name)).size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(500_000);
  });

  it('are read by their names; the first speaker that has both sides is taken', async () => {
    const folder = temporaryDirectory();
    for (const name of ['0_anna_0.wav', '0_ben_0.wav', '0_ben_5.wav', '0_ben_6.wav', '1_ben_7.wav', 'notes.txt', '11_ben_0.wav'])
      writeFileSync(join(folder, name), 'x');
    const { speaker, judged, told } = await readRecordings(folder, undefined, 1);
    expect(speaker).toBe('ben');
    expect(judged.map(({ digit, index }) => `${digit} ${index}`)).toEqual(['0 0']);
    expect(told.map(({ digit, index }) => `${digit} ${index}`)).toEqual(['0 5', '1 7']);
    await expect(readRecordings(folder, 'carl', 1)).rejects.toMatchObject({
      code: 'data-unusable',
      hint: expect.stringContaining('anna, ben'),
    });
    await expect(readRecordings(join(folder, 'none'), undefined, 1)).rejects.toMatchObject({ code: 'data-unusable' });
  });

  it.skipIf(!existsSync(speech))('are those of the Free Spoken Digit Dataset as well (needs ../shared)', async () => {
    const { speaker, judged, told } = await readRecordings(speech, undefined, 5);
    expect([speaker, judged.length, told.length]).toEqual(['george', 50, 50]);
  });
});
