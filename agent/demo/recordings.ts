// A folder of {digit}_{speaker}_{index}.wav → what the demo lets its device hear: words to be judged by (index 0 to 4) and words to be told
// (5 and more), as the Free Spoken Digit Dataset splits them. Refuses (`data-unusable`) a folder without either.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, WhetError } from '../errors.ts';
import { shippedFile } from '../installation.ts';

export interface Word {
  /** What is said, as the model names it. */
  readonly digit: string;
  readonly speaker: string;
  readonly index: number;
  /** WAV of any width and rate. */
  readonly bytes: Uint8Array;
}

export interface Recordings {
  readonly speaker: string;
  /** Never learned from. */
  readonly judged: readonly Word[];
  readonly told: readonly Word[];
}

export const shippedRecordings = shippedFile('models/spoken-digits/demo');
/** Of the shipped recordings: what the model understands, and what it does not. */
export const knownSpeaker = 'american';
export const foreignSpeaker = 'german';

const name = /^([0-9])_([A-Za-z0-9-]+)_([0-9]{1,4})\.wav$/;
const firstTold = 5;
const mostBytes = 4 * 1024 * 1024;

/** `perDigit` words of each digit at most, on either side. `speaker` undefined: the first of the folder that has both sides. */
export async function readRecordings(folder: string, speaker: string | undefined, perDigit: number): Promise<Recordings> {
  const files = await list(folder);
  const speakers = [...new Set(files.map((file) => file.speaker))].sort();
  const sideOf = (who: string, isTold: boolean) => {
    const own = files.filter((file) => file.speaker === who && file.index >= firstTold === isTold);
    const byDigit = Map.groupBy(own, ({ digit }) => digit);
    return [...byDigit.values()].flatMap((of) => of.toSorted((a, b) => a.index - b.index).slice(0, perDigit));
  };
  const chosen = speaker ?? speakers.find((who) => sideOf(who, true).length > 0 && sideOf(who, false).length > 0);
  if (chosen === undefined || !speakers.includes(chosen)) {
    throw new WhetError('data-unusable', `'${folder}' holds no recordings ${speaker === undefined ? '' : `of '${speaker}' `}for the demo`, {
      hint: `Wanted: {digit}_{speaker}_{index}.wav, index 0 to 4 to judge and 5 on to learn from. Speakers there: ${speakers.join(', ') || 'none'}.`,
    });
  }
  return { speaker: chosen, judged: await readAll(sideOf(chosen, false)), told: await readAll(sideOf(chosen, true)) };
}

interface Named {
  readonly path: string;
  readonly digit: string;
  readonly speaker: string;
  readonly index: number;
}

async function list(folder: string): Promise<readonly Named[]> {
  const files = await readdir(folder).catch((error: unknown) => {
    throw new WhetError('data-unusable', `the folder of recordings cannot be read: ${messageOf(error)}`);
  });
  return files.toSorted().flatMap((file) => {
    const [, digit, speaker, index] = name.exec(file) ?? [];
    return digit === undefined || speaker === undefined ? [] : [{ path: join(folder, file), digit, speaker, index: Number(index) }];
  });
}

/** One word of each digit in turn, as nobody counts the same number three times. */
async function readAll(files: readonly Named[]): Promise<readonly Word[]> {
  const turns = files.toSorted((a, b) => a.index - b.index || a.digit.localeCompare(b.digit));
  return Promise.all(
    turns.map(async ({ path, digit, speaker, index }) => {
      const bytes = await readFile(path);
      if (bytes.length > mostBytes) throw new WhetError('data-unusable', `'${path}' has ${bytes.length} bytes: too long for a word`);
      return { digit, speaker, index, bytes };
    }),
  );
}
