// Makes the recordings of the demo with espeak-ng: a German voice that reads English digits as they are spelled ("one" as oh-neh), and one
// American word a digit. 8 kHz µ-law WAV, named as the Free Spoken Digit Dataset names its files: index 0 to 4 test, 5 and more to learn from.
//
// usage: demo-recordings.mjs [OUT]      OUT: models/spoken-digits/demo unless told
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resample } from '../../agent/preprocess/resample.ts';
import { decodeWav } from '../../agent/preprocess/wav.ts';

const out = process.argv[2] ?? 'models/spoken-digits/demo';
const words = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const rate = 8000;

/** Nobody says a word twice alike: pitch (0 to 99) and words a minute of each recording. */
const takes = {
  german: {
    voice: 'de+m3',
    of: { 0: [44, 152], 1: [52, 166], 2: [39, 143], 5: [47, 158], 6: [55, 148], 7: [41, 171] },
  },
  american: { voice: 'en-us+m7', of: { 0: [50, 155] } },
};

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
let total = 0;
for (const [speaker, { voice, of }] of Object.entries(takes)) {
  for (const [index, [pitch, speed]] of Object.entries(of)) {
    for (const [digit, word] of words.entries()) {
      const wav = execFileSync('espeak-ng', ['-v', voice, '-p', `${pitch}`, '-s', `${speed}`, '-g', '0', '--stdout', word]);
      const sound = decodeWav(new Uint8Array(wav));
      const bytes = muLawWav(trimmed(resample(sound.samples, sound.sampleRate, rate)));
      writeFileSync(join(out, `${digit}_${speaker}_${index}.wav`), bytes);
      total += bytes.length;
    }
  }
}
console.log(`${total} bytes in ${out}`);

/** Without the silence at both ends, its peak at 0.5. */
function trimmed(samples) {
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const isLoud = (value) => Math.abs(value) > 0.02 * peak;
  const word = samples.slice(Math.max(0, samples.findIndex(isLoud) - 160), Math.min(samples.length, samples.findLastIndex(isLoud) + 240));
  return word.map((value) => (0.5 * value) / peak);
}

/** Multimedia Programming Interface 1.0: format tag 7, one byte a sample. */
function muLawWav(samples) {
  const header = Buffer.alloc(58);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(50 + samples.length + (samples.length % 2), 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(18, 16);
  header.writeUInt16LE(7, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('fact', 38, 'latin1');
  header.writeUInt32LE(4, 42);
  header.writeUInt32LE(samples.length, 46);
  header.write('data', 50, 'latin1');
  header.writeUInt32LE(samples.length, 54);
  return Buffer.concat([header, Buffer.from(Array.from(samples, muLaw)), Buffer.alloc(samples.length % 2)]);
}

/** ITU-T G.711: sign, exponent and mantissa of the level plus 33 in 14 bits, inverted. */
function muLaw(value) {
  const level = Math.min(8158, Math.round(Math.abs(value) * 8192)) + 33;
  const exponent = Math.floor(Math.log2(level)) - 5;
  const mantissa = (level >> (exponent + 1)) & 0x0f;
  return ~((value < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}
