// Photographs for tests, drawn from a seed: a class has a shape and a texture, everything else (place, size, colours, light, noise) varies.
// The same arguments give the same pixels on every machine.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

/** The classes that can be drawn; a test takes the first few. */
export const photographClasses = ['disc', 'square', 'triangle', 'ring', 'cross', 'stripes', 'checks', 'dots'] as const;
export type PhotographClass = (typeof photographClasses)[number];

export interface PhotographOptions {
  readonly width?: number;
  readonly height?: number;
  readonly format?: 'jpeg' | 'png';
}

/** Encoded bytes of one photograph, 64×64 JPEG unless told otherwise. */
export async function photograph(label: PhotographClass, seed: number, options: PhotographOptions = {}): Promise<Buffer> {
  const { width = 64, height = 64, format = 'jpeg' } = options;
  const picture = sharp(drawPixels(label, seed, width, height), { raw: { width, height, channels: 3 } });
  return format === 'png' ? picture.png().toBuffer() : picture.jpeg({ quality: 90 }).toBuffer();
}

/** Writes `<folder>/<class>/<n>.jpg`, a folder a class; gives the paths. */
export async function writeClassFolders(
  folder: string,
  options: { readonly classes?: readonly PhotographClass[]; readonly perClass: number; readonly seed?: number } & PhotographOptions,
): Promise<readonly string[]> {
  const { classes = photographClasses.slice(0, 3), perClass, seed = 1, format = 'jpeg' } = options;
  const paths: string[] = [];
  for (const label of classes) {
    await mkdir(join(folder, label), { recursive: true });
    for (let index = 0; index < perClass; index += 1) {
      const path = join(folder, label, `${String(index).padStart(4, '0')}.${format === 'png' ? 'png' : 'jpg'}`);
      await writeFile(path, await photograph(label, seed * 100_003 + index, options));
      paths.push(path);
    }
  }
  return paths;
}

/** RGB pixels [height, width, 3] of a photograph, before any encoding. */
export function drawPixels(label: PhotographClass, seed: number, width: number, height: number): Buffer {
  const next = generator(seed * 31 + photographClasses.indexOf(label));
  const between = (low: number, high: number) => low + next() * (high - low);
  const ground = [between(20, 110), between(20, 110), between(20, 110)];
  const figure = [between(140, 245), between(140, 245), between(140, 245)];
  const [x0, y0, radius, tilt] = [between(0.4, 0.6), between(0.4, 0.6), between(0.24, 0.36), between(-0.25, 0.25)];
  const [light, lightAngle, noise] = [between(0, 35), between(0, 2 * Math.PI), between(2, 8)];
  const pixels = Buffer.alloc(width * height * 3);
  for (let at = 0; at < width * height; at += 1) {
    const [x, y] = [((at % width) + 0.5) / width - x0, (Math.floor(at / width) + 0.5) / height - y0];
    const [u, v] = [(x * Math.cos(tilt) + y * Math.sin(tilt)) / radius, (y * Math.cos(tilt) - x * Math.sin(tilt)) / radius];
    const colour = isInside[label](u, v) ? figure : ground;
    const shade = light * (x * Math.cos(lightAngle) + y * Math.sin(lightAngle)) * 2;
    for (let channel = 0; channel < 3; channel += 1) {
      const grain = (next() + next() + next() - 1.5) * noise;
      pixels[at * 3 + channel] = Math.max(0, Math.min(255, Math.round(colour[channel]! + shade + grain)));
    }
  }
  return pixels;
}

/** Whether a point lies on the figure; u and v run from -1 to 1 across it. */
const isInside: Record<PhotographClass, (u: number, v: number) => boolean> = {
  disc: (u, v) => u * u + v * v < 1,
  square: (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 0.85,
  triangle: (u, v) => v < 0.8 && v > Math.abs(u) * 1.8 - 1,
  ring: (u, v) => u * u + v * v < 1.1 && u * u + v * v > 0.4,
  cross: (u, v) => Math.min(Math.abs(u), Math.abs(v)) < 0.25 && Math.max(Math.abs(u), Math.abs(v)) < 1,
  stripes: (u) => Math.abs(u) < 1.3 && Math.sin(u * 9) > 0,
  checks: (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 1.3 && Math.sin(u * 6) * Math.sin(v * 6) > 0,
  dots: (u, v) => Math.max(Math.abs(u), Math.abs(v)) < 1.3 && Math.cos(u * 7) + Math.cos(v * 7) > 0.9,
};

/** xorshift32: uniform in [0, 1). */
function generator(seed: number): () => number {
  let state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
