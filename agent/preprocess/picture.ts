// The only importer of sharp. Encoded bytes → RGB pixels of a wanted size, or a small JPEG. Refuses (`image-unreadable`) what is not a
// picture, is damaged, or is larger than the limits; a picture with several frames gives its first.
import type { OutputInfo, Sharp } from 'sharp';
import type { ImageInput } from '../config/card.ts';
import { messageOf, WhetError } from '../errors.ts';
import { pictureFormat } from './picture-format.ts';

/** Loaded with the first picture, because a device that only listens needs its megabytes elsewhere. */
async function loadSharp() {
  const { default: sharp } = await import('sharp');
  // One thread a picture and no cache of decoded files: memory on a small board is worth more than the last millisecond.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

/** A 50-megapixel picture is 150 MB decoded. JPEG is shrunk while it is decoded, so its true cost is far lower, but the limit is one. */
export const maxPixels = 50_000_000;
export const maxPictureBytes = 64 * 1024 * 1024;

/** RGB, 8 bits a channel, [height, width, 3]. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Where the wanted window lies in the resized picture: `kept` of each edge, at `left` and `top` (0 to 1) of the rest. */
export interface Window {
  readonly kept: number;
  readonly left: number;
  readonly top: number;
}

/** Decodes, turns upright (EXIF), fills transparency, resizes as the input wants and cuts the window out. */
export async function readPixels(bytes: Uint8Array, input: ImageInput, window: Window): Promise<Pixels> {
  const { width, height } = input;
  const [red, green, blue] = input.background;
  const background = { r: red, g: green, b: blue };
  const scaled = { width: Math.max(width, Math.round(width / window.kept)), height: Math.max(height, Math.round(height / window.kept)) };
  const picture = (await openPicture(bytes))
    .autoOrient()
    .flatten({ background })
    .resize({ ...scaled, fit: input.resize, kernel: input.interpolation, background, position: 'centre' });
  if (scaled.width !== width || scaled.height !== height) {
    const left = Math.round((scaled.width - width) * window.left);
    const top = Math.round((scaled.height - height) * window.top);
    picture.extract({ left, top, width, height });
  }
  const { data, info } = await decoded(bytes, picture.toColourspace('srgb').raw({ depth: 'uchar' }));
  return { data: info.channels === 3 ? data : repeatGray(data, info.channels), width, height };
}

/** A JPEG at most `edgePx` wide and high, upright, without metadata; never enlarged. */
export async function thumbnail(bytes: Uint8Array, edgePx: number): Promise<Uint8Array> {
  const picture = (await openPicture(bytes))
    .autoOrient()
    .flatten({ background: '#000' })
    .resize({ width: edgePx, height: edgePx, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 75 });
  return (await decoded(bytes, picture)).data;
}

/** RGB pixels of a picture that fits into this box, for looking at; small ones are made larger, so that they can be seen. */
export async function fittedPixels(bytes: Uint8Array, box: { readonly width: number; readonly height: number }): Promise<Pixels> {
  const picture = (await openPicture(bytes))
    .autoOrient()
    .flatten({ background: '#000' })
    .resize({ ...box, fit: 'inside' });
  const { data, info } = await decoded(bytes, picture.toColourspace('srgb').raw({ depth: 'uchar' }));
  return { data: info.channels === 3 ? data : repeatGray(data, info.channels), width: info.width, height: info.height };
}

export async function encodePng({ data, width, height }: Pixels): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** A drawing of our own (SVG text, never somebody else's: SVG may name files) as a JPEG of `edgePx` square. */
export async function rasterise(svg: string, edgePx: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  return sharp(Buffer.from(svg)).resize(edgePx, edgePx).jpeg({ quality: 85 }).toBuffer();
}

async function openPicture(bytes: Uint8Array): Promise<Sharp> {
  if (bytes.length > maxPictureBytes) {
    throw unreadable(
      `${megabytes(bytes.length)} MB, over the limit of ${megabytes(maxPictureBytes)} MB a picture`,
      'Use a smaller picture.',
    );
  }
  const format = pictureFormat(bytes);
  if (format.kind === 'unknown') throw unreadable(format.reason, 'JPEG, PNG, WebP, GIF, TIFF and AVIF are read.');
  const sharp = await loadSharp();
  // 'error' takes frames of cameras that pad their data (a warning of the decoder) and refuses truncated ones.
  return sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', sequentialRead: true, pages: 1 });
}

async function decoded(bytes: Uint8Array, picture: Sharp): Promise<{ readonly data: Buffer; readonly info: OutputInfo }> {
  try {
    return await picture.toBuffer({ resolveWithObject: true });
  } catch (error) {
    throw await reasonFor(bytes, error);
  }
}

/** libvips names its functions; people want to know what is wrong with the file. */
async function reasonFor(bytes: Uint8Array, error: unknown): Promise<WhetError> {
  const message = messageOf(error).replaceAll(/\s*\n\s*/g, '; ');
  const sharp = await loadSharp();
  const header = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => null);
  if (header !== null && header.width * header.height > maxPixels) {
    const size = `${Math.round((header.width * header.height) / 1e6)} megapixels (${header.width} × ${header.height})`;
    return unreadable(
      `${size}, over the limit of ${maxPixels / 1e6} megapixels`,
      'Make it smaller before it is given to Whetstone.',
      error,
    );
  }
  const format = pictureFormat(bytes);
  const name = format.kind === 'known' ? format.name : 'picture';
  return unreadable(`a truncated or damaged ${name} of ${bytes.length} bytes: ${message}`, 'Copy it again from where it came from.', error);
}

function unreadable(reason: string, hint: string, cause?: unknown): WhetError {
  return new WhetError('image-unreadable', reason, { hint, cause });
}

function megabytes(sizeBytes: number): number {
  return Math.round(sizeBytes / 1024 / 1024);
}

function repeatGray(data: Uint8Array, channels: number): Uint8Array {
  const pixels = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 3) pixels.fill(data[from]!, to, to + 3);
  return pixels;
}
