// Encoded bytes of a capture → the model's input tensor and a hash, whatever its kind. The one place that knows all kinds of input.
import type { InputSpec } from '../config/card.ts';
import { WhetError } from '../errors.ts';
import { preprocessAudio } from './audio.ts';
import { drawAudioView, gentleAudio } from './audio-augmentation.ts';
import { preprocessImage, reflect, tensorShape } from './image.ts';
import { preprocessVector } from './vector.ts';
import { drawWindowView, preprocessWindow } from './window.ts';

export interface CaptureInput {
  /** One sample, without the batch dimension. */
  readonly data: Float32Array;
  /** 64-bit hash: captures that are alike differ in few bits. */
  readonly hash: bigint;
}

const unreadableCodes: ReadonlySet<string> = new Set(['image-unreadable', 'audio-unreadable', 'sensor-unreadable']);

/** Whether an error says that the bytes of one capture are no good: there is no use in offering them again. */
export function isUnreadable(error: unknown): error is WhetError {
  return error instanceof WhetError && unreadableCodes.has(error.code);
}

/** Throws `image-unreadable`, `audio-unreadable` or `sensor-unreadable`. */
export async function preprocessCapture(bytes: Uint8Array, input: InputSpec): Promise<CaptureInput> {
  switch (input.kind) {
    case 'image':
      return preprocessImage(bytes, input);
    case 'audio':
      return preprocessAudio(bytes, input);
    case 'sensor':
      return preprocessWindow(bytes, input);
    case 'vector':
      return preprocessVector(bytes, input);
  }
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

/**
 * The capture as it might have been, for learning: a picture in a mirror (one is all there is), a recording at other speeds, levels, places
 * and with noise (as many as asked for, the same ones each time), a window of a sensor a little faster, stronger, earlier.
 */
export async function drawViews(bytes: Uint8Array, input: InputSpec, count: number): Promise<readonly Float32Array[]> {
  if (count === 0) return [];
  if (input.kind === 'image') return [reflect((await preprocessImage(bytes, input)).data, input)];
  if (input.kind === 'vector') return [];
  if (input.kind === 'sensor')
    return Array.from({ length: count }, (_, index) => preprocessWindow(bytes, input, drawWindowView(index + 1)).data);
  const views = Array.from({ length: count }, (_, index) => drawAudioView({ ...gentleAudio, seed: index + 1 }));
  return Promise.all(views.map(async (view) => (await preprocessAudio(bytes, input, view)).data));
}
