// Small photographs in a folder a class, as samples for `fit`: kept as bytes, given out as the model's input. Refuses an empty folder.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { preprocessImage } from '../../../agent/preprocess/image.ts';

/** Names of classes are folders of `folder`, in order. `input` is the card's (nchw). Gives `pixels` [count, channels, height, width] too. */
export async function readPictures(folder, input, { limit = Number.POSITIVE_INFINITY } = {}) {
  const classes = readdirSync(folder).sort();
  const files = classes.flatMap((name, label) =>
    readdirSync(join(folder, name))
      .sort()
      .slice(0, limit)
      .map((file) => ({ path: join(folder, name, file), label })),
  );
  if (files.length === 0) throw new Error(`no pictures in ${folder}/<class>/`);
  const plain = { ...input, range: [0, 255], mean: [], std: [] };
  const size = 3 * input.width * input.height;
  const pixels = new Uint8Array(files.length * size);
  for (const [row, { path }] of files.entries()) pixels.set((await preprocessImage(readFileSync(path), plain)).data, row * size);
  const tables = input.mean.map((mean, at) => Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / input.std[at]));
  const plane = input.width * input.height;
  return {
    classes,
    /** Numbers of one sample. */
    width: size,
    labels: Int32Array.from(files, ({ label }) => label),
    pixels,
    read(row, into) {
      for (let at = 0; at < size; at += 1) into[at] = tables[Math.floor(at / plane)][pixels[row * size + at]];
    },
  };
}

/** Mirrors half of the pictures, and moves each by up to `most` pixels; what comes in from outside is zero, the mean colour. */
export function mirrorAndMove([channels, height, width], most = 4) {
  const before = new Float32Array(channels * height * width);
  return (picture, random) => {
    const isMirrored = random() < 0.5;
    const [down, right] = [0, 1].map(() => Math.floor(random() * (2 * most + 1)) - most);
    before.set(picture);
    for (let line = 0; line < channels * height; line += 1) {
      const from = (line % height) - down;
      const start = Math.floor(line / height) * height * width + from * width;
      for (let x = 0; x < width; x += 1) {
        const source = (isMirrored ? width - 1 - x : x) - right;
        picture[line * width + x] = from < 0 || from >= height || source < 0 || source >= width ? 0 : before[start + source];
      }
    }
  };
}
