// Captures that are large, or become large where they are decoded: what a board must live through, honest or not. One after the other; each with
// all the views that learning draws.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { imageInputSchema } from '../../agent/config/card.ts';
import { sensorInputSchema } from '../../agent/config/sensor-input.ts';
import { openCapture, viewCount } from '../../agent/preprocess/capture-input.ts';
import { wav } from './good-captures.mjs';

const image = imageInputSchema.parse({ kind: 'image', width: 224, height: 224, layout: 'nchw' });
const audio = { kind: 'audio', sampleRate: 8000, samples: 8000, level: 'peak' };
const channels = ['ax', 'ay', 'az', 'gx', 'gy', 'gz'].map((name) => ({ name }));
const sensor = sensorInputSchema.parse({ kind: 'sensor', channels, sampleRate: 50, samples: 100 });

const noise = (length) => Buffer.alloc(length, Buffer.from(Uint8Array.from({ length: 65_521 }, (_, at) => (at * 2654435761) >>> 24)));
const blank = (edge) => sharp({ create: { width: edge, height: edge, channels: 3, background: '#123456' }, limitInputPixels: false });
const row = (at) => `${(at / 50).toFixed(2)},${(at % 7) / 7},0.12345,1.00000,${at % 11},2.5,0`;
const rows = (count) => Buffer.from(['t,ax,ay,az,gx,gy,gz', ...Array.from({ length: count }, (_, at) => row(at))].join('\n'));
const text = (start, repeated, times) => Buffer.concat([Buffer.from(start), Buffer.alloc(repeated.length * times, repeated)]);

/** Name, kind of input, bytes. */
const captures = [
  ['JPEG of 48 megapixels', image, () => blank(6900).jpeg().toBuffer()],
  [
    'progressive JPEG of 25 megapixels, turned',
    image,
    () => blank(5000).withMetadata({ orientation: 6 }).jpeg({ progressive: true }).toBuffer(),
  ],
  ['AVIF of 12 megapixels', image, () => blank(3490).avif({ effort: 0 }).toBuffer()],
  ['AVIF of 49 megapixels', image, () => blank(7000).avif({ effort: 0 }).toBuffer()],
  ['GIF of 36 megapixels', image, () => blank(6000).gif().toBuffer()],
  ['interlaced PNG of 25 megapixels', image, () => blank(5000).png({ progressive: true }).toBuffer()],
  ['WebP of 49 megapixels', image, () => blank(7000).webp().toBuffer()],
  ['TIFF of 36 megapixels, turned', image, () => blank(6000).withMetadata({ orientation: 6 }).tiff({ compression: 'deflate' }).toBuffer()],
  ['63 MB of 8 bits at 768 kHz', audio, async () => wav({ tag: 1, bits: 8, channels: 1, rate: 768_000, body: noise(63e6) })],
  ['63 MB in 64 channels', audio, async () => wav({ tag: 1, bits: 8, channels: 64, rate: 8000, body: noise(63e6) })],
  ['ten minutes at 16 kHz', audio, async () => wav({ tag: 1, bits: 16, channels: 1, rate: 16_000, body: noise(600 * 32_000) })],
  ['a minute in stereo at 48 kHz', audio, async () => wav({ tag: 1, bits: 16, channels: 2, rate: 48_000, body: noise(60 * 192_000) })],
  ['360,000 rows of readings', sensor, async () => rows(360_000)],
  ['1,200,000 rows of readings', sensor, async () => rows(1_200_000)],
  ['63 MB of line ends', sensor, async () => text('t,ax,ay,az,gx,gy,gz', '\n', 63e6)],
  ['63 MB of empty lists', sensor, async () => text('[', '[],', 21e6)],
  ['63 MB of brackets', sensor, async () => text('', '[', 63e6)],
  ['63 MB of readings at one time', sensor, async () => text('', '{"t":0,"ax":1,"ay":1,"az":1,"gx":1,"gy":1,"gz":1}\n', 1.2e6)],
];

const self = fileURLToPath(import.meta.url);

export const doors = {
  async large(folder) {
    return {
      make: (_dice, index) => ({ capture: captures[index % captures.length][0], at: index % captures.length }),
      async run({ at }) {
        const [, input] = captures[at];
        const path = join(folder, `large-${at}`);
        // Made elsewhere: making takes more memory than decoding may.
        const maker = spawnSync(process.execPath, [self, String(at), path], { encoding: 'utf8' });
        if (maker.status !== 0) throw new Error(`a large capture could not be made: ${maker.stderr}`);
        const bytes = readFileSync(path);
        rmSync(path);
        const capture = await openCapture(bytes, input);
        capture.views(viewCount(input, 1));
      },
    };
  },
};

if (process.argv[1] === self) {
  const [, , at, path] = process.argv;
  writeFileSync(path, await captures[Number(at)][2]());
}
