// Makes photographs look as if a cheap camera in a dim room had taken them: dark, out of focus, tinted by a warm lamp, noisy, compressed
// again. Takes a folder, writes the same tree of JPEG files elsewhere; the same input gives the same output.
// usage: bad-camera.mjs IN OUT [--limit N]     (N files a folder)
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';

/** Fraction of the light that is left, and how the lamp colours it. */
const light = [0.5, 0.4, 0.26];
const blurSigma = 0.8;
/** Standard deviation of the sensor's noise, in steps of 0 to 255. */
const noiseSigma = 5;
const jpegQuality = 60;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { limit: { type: 'string' } } });
const [source, target] = positionals;
if (source === undefined || target === undefined || positionals.length > 2) {
  console.error('usage: bad-camera.mjs IN OUT [--limit N]');
  process.exit(64);
}
const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : Number(values.limit);

sharp.concurrency(1);
let written = 0;
for (const path of await pictures(source)) {
  const out = join(target, relative(source, path)).replace(/\.[^.]+$/, '.jpg');
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, await degrade(path, written));
  written += 1;
}
console.log(`${written} photographs written to ${target}`);

async function degrade(path, seed) {
  const { data, info } = await sharp(path)
    .autoOrient()
    .blur(blurSigma)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const gauss = normal(seed + 1);
  for (let at = 0; at < data.length; at += 1) {
    const lit = data[at] * light[info.channels === 3 ? at % 3 : 1] + noiseSigma * gauss();
    data[at] = Math.max(0, Math.min(255, Math.round(lit)));
  }
  const raw = { width: info.width, height: info.height, channels: info.channels };
  return sharp(data, { raw }).jpeg({ quality: jpegQuality }).toBuffer();
}

async function pictures(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile() && /\.(jpe?g|png|webp)$/i.test(entry.name)).map((entry) => entry.name);
  const files = names
    .sort()
    .slice(0, limit)
    .map((name) => join(folder, name));
  for (const entry of entries.filter((item) => item.isDirectory()).sort((a, b) => a.name.localeCompare(b.name)))
    files.push(...(await pictures(join(folder, entry.name))));
  return files;
}

/** Standard normal numbers by Box and Muller from a 32-bit generator (mulberry32). */
function normal(seed) {
  let state = Math.imul(seed, 2654435761) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
