// Synthetic speakers: digits spoken by espeak-ng (many voices, pitches and tempi; English of several countries, and foreign phonologies that
// read respelled English) and by flite (voices made from real speakers). Refuses a machine without espeak-ng; flite is left out where absent.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomOf } from '../../../agent/random.ts';
import { atRate } from './recordings.mjs';

const english = ['en-us', 'en-us', 'en-us-nyc', 'en-gb', 'en-gb-scotland', 'en-gb-x-gbclan', 'en-gb-x-gbcwmd', 'en-gb-x-rp', 'en-029'];
/** No German and no Greek: those accents are for the judging. */
const foreign = [
  'it',
  'es',
  'es-419',
  'pt',
  'pt-br',
  'fr-fr',
  'fi',
  'pl',
  'cs',
  'hr',
  'hu',
  'ro',
  'tr',
  'id',
  'sw',
  'sv',
  'da',
  'nl',
  'et',
  'lv',
];
const variants = [
  ...['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8', 'f1', 'f2', 'f3', 'f4', 'f5', 'klatt', 'klatt2', 'klatt3', 'klatt4', 'klatt6'],
  ...['adam', 'Alex', 'Alicia', 'Andrea', 'Andy', 'Annie', 'antonio', 'belinda', 'benjamin', 'boris', 'caleb', 'david', 'Denis', 'Diogo'],
  ...['ed', 'edward', 'Gene', 'grandma', 'grandpa', 'Henrique', 'Hugo', 'Jacky', 'john', 'Lee', 'linda', 'marcelo', 'Marco', 'Mario'],
  ...['Michael', 'michel', 'miguel', 'Mike', 'norbert', 'pablo', 'paul', 'pedro', 'quincy', 'rob', 'robert', 'sandro', 'shelby', 'steph'],
  ...['travis', 'victor', 'Zac'],
];
const words = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
/** What a foreigner may make of them, spelled as most languages of Europe would read it. */
const respelled = [
  ['ziro', 'zero', 'siro'],
  ['uan', 'van', 'uon'],
  ['tu', 'tuu'],
  ['tri', 'sri', 'fri'],
  ['for', 'foor'],
  ['faiv', 'faif'],
  ['siks', 'sics'],
  ['seven', 'sevn', 'sevan'],
  ['eit', 'eejt', 'et'],
  ['nain', 'najn'],
];

/** `count` speakers, each saying all ten digits: [{ digit, speaker, samples }]. The same seed gives the same ones. */
export function synthesise({ count, foreignShare, seed }) {
  const random = randomOf(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const spoken = [];
  for (let speaker = 0; speaker < count; speaker += 1) {
    const isForeign = random() < foreignShare;
    const voice = `${pick(isForeign ? foreign : english)}+${pick(variants)}`;
    const pitch = 25 + Math.floor(random() * 50);
    const tempo = 120 + Math.floor(random() * 80);
    for (const [digit, word] of words.entries()) {
      const text = isForeign ? pick(respelled[digit]) : word;
      const args = ['-v', voice, '-p', String(pitch), '-s', String(tempo), '-g', '0', '--stdout', text];
      const samples = trimmed(atRate(execFileSync('espeak-ng', args, { maxBuffer: 2 ** 24, stdio: ['ignore', 'pipe', 'ignore'] })));
      if (samples !== null) spoken.push({ digit, speaker: `espeak-${speaker}`, samples });
    }
  }
  return [...spoken, ...flite(random)];
}

/** The voices of flite, each at several tempi. */
function flite(random) {
  const place = mkdtempSync(join(tmpdir(), 'whet-voices-'));
  const out = join(place, 'word.wav');
  const spoken = [];
  for (const voice of ['slt', 'rms', 'awb', 'kal']) {
    for (let take = 0; take < 4; take += 1) {
      for (const [digit, word] of words.entries()) {
        const stretch = (0.8 + 0.5 * random()).toFixed(2);
        const run = spawnSync('flite', ['-voice', voice, '--setf', `duration_stretch=${stretch}`, '-t', word, '-o', out], {
          stdio: 'ignore',
        });
        if (run.status !== 0) continue;
        const samples = trimmed(atRate(readFileSync(out)));
        if (samples !== null) spoken.push({ digit, speaker: `flite-${voice}`, samples });
      }
    }
  }
  rmSync(place, { recursive: true, force: true });
  return spoken;
}

/** Without the silence at both ends; null where nothing was said. */
function trimmed(samples) {
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (peak < 1e-3) return null;
  const isLoud = (value) => Math.abs(value) > 0.03 * peak;
  return samples.slice(Math.max(0, samples.findIndex(isLoud) - 200), Math.min(samples.length, samples.findLastIndex(isLoud) + 400));
}
