// Encoded picture → the float tensor that the model card describes, and a perceptual hash of what the model sees. Refuses what cannot be
// decoded (`image-unreadable`, with the reason).
import type { ImageInput } from '../config/card.ts';
import { differenceHash } from './perceptual-hash.ts';
import { readPixels } from './picture.ts';

export interface Preprocessed {
  /** [channels, height, width] for nchw, [height, width, channels] for nhwc: one sample, without the batch dimension. */
  readonly data: Float32Array;
  /** 64-bit difference hash of the picture as the model sees it. */
  readonly hash: bigint;
}

export async function preprocessImage(bytes: Uint8Array, input: ImageInput): Promise<Preprocessed> {
  const pixels = await readPixels(bytes, input, { kept: input.crop, left: 0.5, top: 0.5 });
  const gray = toGray(pixels.data);
  const planes = input.channels === 'gray' ? [every(gray, 1, 0)] : colourOrder[input.channels].map((at) => every(pixels.data, 3, at));
  const data = new Float32Array(planes.length * input.width * input.height);
  for (const [channel, plane] of planes.entries()) {
    const scale = scaleTable(input, channel);
    const from = input.layout === 'nchw' ? channel * input.width * input.height : channel;
    writePlane(data, from, input.layout === 'nchw' ? 1 : planes.length, plane, scale);
  }
  return { data, hash: differenceHash(gray, input.width, input.height) };
}

/** Shape of one preprocessed sample, with a batch dimension of 1. */
export function tensorShape(input: ImageInput): readonly [number, number, number, number] {
  const channels = input.channels === 'gray' ? 1 : 3;
  return input.layout === 'nchw' ? [1, channels, input.height, input.width] : [1, input.height, input.width, channels];
}

const colourOrder = { rgb: [0, 1, 2], bgr: [2, 1, 0] } as const;

interface Plane {
  readonly data: Uint8Array;
  readonly step: number;
  readonly offset: number;
}

function every(data: Uint8Array, step: number, offset: number): Plane {
  return { data, step, offset };
}

/** ITU-R BT.601 luma in 16-bit fixed point, rounded. */
function toGray(rgb: Uint8Array): Uint8Array {
  const gray = new Uint8Array(rgb.length / 3);
  for (let at = 0, from = 0; at < gray.length; at += 1, from += 3) {
    gray[at] = (rgb[from]! * 19595 + rgb[from + 1]! * 38470 + rgb[from + 2]! * 7471 + 0x8000) >>> 16;
  }
  return gray;
}

/** What each of the 256 pixel values becomes: (low + v/255·(high − low) − mean) / std. */
function scaleTable(input: ImageInput, channel: number): Float32Array {
  const [low, high] = input.range;
  const mean = input.mean.length === 0 ? 0 : input.mean[input.mean.length === 1 ? 0 : channel]!;
  const std = input.std.length === 0 ? 1 : input.std[input.std.length === 1 ? 0 : channel]!;
  return Float32Array.from({ length: 256 }, (_, value) => (low + (value / 255) * (high - low) - mean) / std);
}

/** Scales a plane into every `stride`-th place of `out`. Every capture of every job goes through here. */
function writePlane(out: Float32Array, from: number, stride: number, { data, step, offset }: Plane, scale: Float32Array): void {
  const count = data.length / step;
  for (let at = 0, read = offset, write = from; at < count; at += 1, read += step, write += stride) out[write] = scale[data[read]!]!;
}

/** Left and right exchanged in one sample of the card's layout. */
export function reflect(data: Float32Array, { width, height, layout }: Pick<ImageInput, 'width' | 'height' | 'layout'>): Float32Array {
  // Numbers that stay together: one in nchw, a pixel's channels in nhwc.
  const together = layout === 'nchw' ? 1 : data.length / (width * height);
  const row = width * together;
  return Float32Array.from(data, (_, at) => {
    const column = Math.floor((at % row) / together);
    return data[at + (width - 1 - 2 * column) * together]!;
  });
}
