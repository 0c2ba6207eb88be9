// Recordings in the layout of the Free Spoken Digit Dataset, `{digit}_{speaker}_{index}.wav` in one folder → samples at 8 kHz with what their
// names say. Refuses a folder without any.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { resample } from '../../../agent/preprocess/resample.ts';
import { decodeWav } from '../../../agent/preprocess/wav.ts';

export const sampleRate = 8000;
/** Of each digit and speaker, the official test recordings are those with an index below this. */
export const firstOfTraining = 5;

/** In order of speaker, digit and index. `speakers` null: all. */
export function readRecordings(folder, { speakers = null } = {}) {
  const found = readdirSync(folder).flatMap((name) => {
    const [, digit, speaker, index] = /^(\d)_([^_]+)_(\d+)\.wav$/.exec(name) ?? [];
    if (speaker === undefined || (speakers !== null && !speakers.includes(speaker))) return [];
    return [{ path: join(folder, name), digit: Number(digit), speaker, index: Number(index) }];
  });
  if (found.length === 0) throw new Error(`no {digit}_{speaker}_{index}.wav in ${folder}${speakers === null ? '' : ` of ${speakers}`}`);
  found.sort((a, b) => (a.speaker < b.speaker ? -1 : a.speaker > b.speaker ? 1 : a.digit - b.digit || a.index - b.index));
  return found.map((each) => ({ ...each, samples: atRate(readFileSync(each.path)), isTest: each.index < firstOfTraining }));
}

/** Noise and the like: every WAV of a folder. */
export function readSounds(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.wav'))
    .sort()
    .map((name) => atRate(readFileSync(join(folder, name))));
}

export function atRate(bytes) {
  const sound = decodeWav(bytes);
  return resample(sound.samples, sound.sampleRate, sampleRate);
}
