// Encoded bytes of a capture → the model's input tensor and a hash, whatever its kind. The one place that knows all kinds of input.
import { captureKind, type InputSpec } from '../config/card.ts';
import { type ErrorCode, messageOf, WhetError } from '../errors.ts';
import type { CaptureKind } from '../types.ts';
import { readAround, windowOf } from './audio.ts';
import { drawAudioView, gentleAudio } from './audio-augmentation.ts';
import { preprocessImage, reflect, tensorShape } from './image.ts';
import { readReadings } from './readings.ts';
import { preprocessVector } from './vector.ts';
import { drawWindowView, windowOfReadings } from './window.ts';

export interface CaptureInput {
  /** One sample, without the batch dimension. */
  readonly data: Float32Array;
  /** 64-bit hash: captures that are alike differ in few bits. */
  readonly hash: bigint;
}

const unreadableCode = { image: 'image-unreadable', audio: 'audio-unreadable', sensor: 'sensor-unreadable' } as const satisfies Record<
  CaptureKind,
  ErrorCode
>;
const unreadableCodes: ReadonlySet<string> = new Set([...Object.values(unreadableCode), 'capture-set-aside']);

/** Whether an error says that the bytes of one capture are no good: there is no use in offering them again. */
export function isUnreadable(error: unknown): error is WhetError {
  return error instanceof WhetError && unreadableCodes.has(error.code);
}

/** A capture, decoded once, as it is and as it might have been. */
export interface OpenedCapture {
  readonly plain: CaptureInput;
  /**
   * For learning: a picture in a mirror (one is all there is), a recording at other speeds, levels, places and with noise (as many as asked for,
   * the same ones each time), a window of a sensor a little faster, stronger, earlier.
   */
  views(count: number): readonly Float32Array[];
}

/** Throws `image-unreadable`, `audio-unreadable` or `sensor-unreadable`; whatever a decoder stumbles over is one of them. */
export async function openCapture(bytes: Uint8Array, input: InputSpec): Promise<OpenedCapture> {
  try {
    return await opened(bytes, input);
  } catch (error) {
    if (error instanceof WhetError) throw error;
    throw new WhetError(unreadableCode[captureKind(input)], `it cannot be decoded: ${messageOf(error)}`, {
      hint: 'Is the file whole? Copy it again from where it came from.',
      cause: error,
    });
  }
}

async function opened(bytes: Uint8Array, input: InputSpec): Promise<OpenedCapture> {
  const list = (count: number, view: (index: number) => Float32Array) => Array.from({ length: count }, (_, index) => view(index));
  switch (input.kind) {
    case 'image': {
      const plain = await preprocessImage(bytes, input);
      return { plain, views: (count) => list(Math.min(count, 1), () => reflect(plain.data, input)) };
    }
    case 'audio': {
      const heard = await readAround(bytes, input);
      const view = (index: number) => windowOf(heard, input, drawAudioView({ ...gentleAudio, seed: index + 1 })).data;
      return { plain: windowOf(heard, input), views: (count) => list(count, view) };
    }
    case 'sensor': {
      const readings = readReadings(bytes, input);
      const view = (index: number) => windowOfReadings(readings, input, drawWindowView(index + 1)).data;
      return { plain: windowOfReadings(readings, input), views: (count) => list(count, view) };
    }
    case 'vector':
      return { plain: preprocessVector(bytes, input), views: () => [] };
  }
}

/** Throws as `openCapture`. */
export async function preprocessCapture(bytes: Uint8Array, input: InputSpec): Promise<CaptureInput> {
  return (await openCapture(bytes, input)).plain;
}

/** Shape of one input tensor, with a batch dimension of 1. */
export function inputShape(input: InputSpec): readonly number[] {
  switch (input.kind) {
    case 'image':
      return tensorShape(input);
    case 'audio':
      return [1, input.samples];
    case 'sensor':
      return [1, input.channels.length, input.samples];
    case 'vector':
      return [1, input.values];
  }
}

/** Least and largest number that a capture can become; null where that is not known. */
export function inputRange(input: InputSpec): { readonly min: number; readonly max: number } | null {
  if (input.kind !== 'image') return null;
  const channels = Math.max(input.mean.length, input.std.length, 1);
  const ends = Array.from({ length: channels }, (_, at) => {
    const mean = input.mean[at] ?? input.mean[0] ?? 0;
    const std = input.std[at] ?? input.std[0] ?? 1;
    return input.range.map((end) => (end - mean) / std);
  }).flat();
  return { min: Math.min(...ends), max: Math.max(...ends) };
}

/** Up to so many captures are varied as well. It takes a multiple of the time, and with many it helps less. */
export const fewCaptures = 300;
/** A picture has one mirror image; a voice can be varied at will, a movement a little. */
const viewsOf: Readonly<Record<InputSpec['kind'], number>> = { image: 1, audio: 10, sensor: 4, vector: 0 };

/** How many views of each of so many captures are worth learning from. */
export function viewCount(input: InputSpec, captures: number): number {
  return captures <= fewCaptures ? viewsOf[input.kind] : 0;
}

/** The capture as it might have been. Throws as `openCapture`. */
export async function drawViews(bytes: Uint8Array, input: InputSpec, count: number): Promise<readonly Float32Array[]> {
  return count === 0 ? [] : (await openCapture(bytes, input)).views(count);
}
