// The only importer of sharp. Encoded bytes → RGB pixels of a wanted size, or a small JPEG. Refuses (`image-unreadable`) what is not a
// picture, is damaged, or is larger than the limits; a picture with several frames gives its first.
import type { Metadata, OutputInfo, Sharp } from 'sharp';
import type { ImageInput } from '../config/card.ts';
import { messageOf, WhetError } from '../errors.ts';
import { createRoom, decodingBudget } from './decode-room.ts';
import { bytesPerPixel, maxPixels } from './picture-cost.ts';
import { pictureFormat } from './picture-format.ts';

/** Loaded with the first picture, because a device that only listens needs its megabytes elsewhere. */
async function loadSharp() {
  const { default: sharp } = await import('sharp');
  // One thread a picture and no cache of decoded files: memory on a small board is worth more than the last millisecond.
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

export const maxPictureBytes = 64 * 1024 * 1024;

const budget = decodingBudget();
/** One for the process, as its memory is one. */
const room = createRoom(budget);

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
  const { data, info } = await decoded(bytes, (opened) => {
    const picture = opened
      .autoOrient()
      .flatten({ background })
      .resize({ ...scaled, fit: input.resize, kernel: input.interpolation, background, position: 'centre' });
    if (scaled.width !== width || scaled.height !== height) {
      const left = Math.round((scaled.width - width) * window.left);
      const top = Math.round((scaled.height - height) * window.top);
      picture.extract({ left, top, width, height });
    }
    return picture.toColourspace('srgb').raw({ depth: 'uchar' });
  });
  return { data: info.channels === 3 ? data : repeatGray(data, info.channels), width, height };
}

/** A JPEG at most `edgePx` wide and high, upright, without metadata; never enlarged. */
export async function thumbnail(bytes: Uint8Array, edgePx: number): Promise<Uint8Array> {
  const { data } = await decoded(bytes, (opened) =>
    opened
      .autoOrient()
      .flatten({ background: '#000' })
      .resize({ width: edgePx, height: edgePx, fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality: 75 }),
  );
  return data;
}

/** RGB pixels of a picture that fits into this box, for looking at; small ones are made larger, so that they can be seen. */
export async function fittedPixels(bytes: Uint8Array, box: { readonly width: number; readonly height: number }): Promise<Pixels> {
  const { data, info } = await decoded(bytes, (opened) =>
    opened
      .autoOrient()
      .flatten({ background: '#000' })
      .resize({ ...box, fit: 'inside' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' }),
  );
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

/** Header first; then the work, when there is room for what its format takes. */
async function decoded(bytes: Uint8Array, work: (opened: Sharp) => Sharp): Promise<{ readonly data: Buffer; readonly info: OutputInfo }> {
  if (bytes.length > maxPictureBytes) {
    throw unreadable(
      `${megabytes(bytes.length)} MB, over the limit of ${megabytes(maxPictureBytes)} MB a picture`,
      'Use a smaller picture.',
    );
  }
  const format = pictureFormat(bytes);
  if (format.kind === 'unknown') throw unreadable(format.reason, format.hint);
  const sharp = await loadSharp();
  try {
    const header = await sharp(bytes, { limitInputPixels: false, pages: 1 }).metadata();
    const cost = header.width * header.height * bytesPerPixel(header);
    if (header.width * header.height > maxPixels || cost > budget) throw tooLarge(format.name, header);
    return await room.within(cost, () =>
      // 'error' takes frames of cameras that pad their data (a warning of the decoder) and refuses truncated ones.
      work(sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', sequentialRead: true, pages: 1 })).toBuffer({
        resolveWithObject: true,
      }),
    );
  } catch (error) {
    if (error instanceof WhetError) throw error;
    // libvips names its functions; people want to know what is wrong with the file.
    const message = messageOf(error).replaceAll(/\s*\n\s*/g, '; ');
    const reason = `a truncated or damaged ${format.name} of ${bytes.length} bytes: ${message}`;
    throw unreadable(reason, 'Copy it again from where it came from.', error);
  }
}

function tooLarge(format: string, header: Metadata): WhetError {
  const megapixels = (pixels: number) => Math.floor(pixels / 1e6);
  const limit = Math.min(maxPixels, budget / bytesPerPixel(header));
  const size = `${Math.round((header.width * header.height) / 1e6)} megapixels (${header.width} × ${header.height})`;
  const why = limit === maxPixels ? '' : ` for ${format} of this kind: decoding it would take more memory than this machine has to spare`;
  const hint = limit === maxPixels ? 'Make it smaller before it is given to Whetstone.' : 'Make it smaller, or JPEG.';
  return unreadable(`${size}, over the limit of ${megapixels(limit)} megapixels${why}`, hint);
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
