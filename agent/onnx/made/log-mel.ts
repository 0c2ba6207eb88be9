// A waveform → its log-mel picture, as plain ONNX nodes that any runtime runs: framing and windowed DFT are one Conv, the mel bands another, then
// logarithm and level. Pure. Refuses (`internal`) bands so narrow that no frequency of the DFT falls into one.
import { WhetError } from '../../errors.ts';
import type { Model } from '../ir.ts';
import { floats, graph, ints, model, node, value } from './build.ts';

export interface LogMelOptions {
  /** Hz. */
  readonly sampleRate: number;
  /** Length of the waveform; a multiple of `hop`. */
  readonly samples: number;
  /** Samples in one frame, and the length of its DFT. */
  readonly frame: number;
  /** Samples from one frame to the next; frame − hop is even. */
  readonly hop: number;
  readonly mels: number;
  readonly lowHz: number;
  readonly highHz: number;
  /** What lies so many dB below the loudest band of the recording, or more, is 0; the loudest is 1. */
  readonly rangeDb: number;
  /** A recording whose loudest band is below this level counts as this loud, so that silence stays dark. dB of a full-scale sine. */
  readonly quietestDb: number;
}

/** For speech at 8 kHz: 25 ms frames, 10 ms apart, 32 bands; one second becomes [32, 100]. */
export const speech8k = {
  sampleRate: 8000,
  samples: 8000,
  frame: 200,
  hop: 80,
  mels: 32,
  lowHz: 60,
  highHz: 3900,
  rangeDb: 50,
  quietestDb: -60,
} as const satisfies LogMelOptions;

/** `waveform` [n, samples] → `mel` [n, 1, mels, samples/hop], within [0, 1]: one 8-bit scale holds it, whatever the level. Opset 17. */
export function logMelModel(options: LogMelOptions): Model {
  const { samples, frame, hop, mels, rangeDb, quietestDb } = options;
  const bins = usedBins(options);
  const pad = (frame - hop) / 2;
  const perDb = Math.LN10 / 10;
  return model(
    graph('log-mel', {
      inputs: [value('waveform', ['n', samples])],
      outputs: [value('mel', ['n', 1, mels, samples / hop])],
      initializers: [
        ['dft', floats([2 * bins.length, 1, frame], dftKernel(options, bins))],
        ['bands', floats([mels, 2 * bins.length, 1], bandKernel(options, bins))],
        ['channel', ints([1])],
        // Silence lies at the bottom of the range.
        ['least', floats([], 10 ** ((quietestDb - rangeDb) / 10))],
        ['quietest', floats([], quietestDb * perDb)],
        ['per-range', floats([], 1 / (rangeDb * perDb))],
        ['zero', floats([], 0)],
        ['one', floats([], 1)],
      ],
      nodes: [
        node('Unsqueeze', ['waveform', 'channel'], ['signal']),
        node('Conv', ['signal', 'dft'], ['spectrum'], { kernel_shape: [frame], strides: [hop], pads: [pad, pad] }, { name: 'dft' }),
        node('Mul', ['spectrum', 'spectrum'], ['power']),
        node('Conv', ['power', 'bands'], ['energy'], { kernel_shape: [1] }, { name: 'bands' }),
        node('Max', ['energy', 'least'], ['energy-kept']),
        node('Log', ['energy-kept'], ['level']),
        node('ReduceMax', ['level'], ['loudest'], { axes: [1, 2], keepdims: 1 }),
        node('Max', ['loudest', 'quietest'], ['reference']),
        node('Sub', ['level', 'reference'], ['below']),
        node('Mul', ['below', 'per-range'], ['scaled']),
        node('Add', ['scaled', 'one'], ['from-floor']),
        node('Clip', ['from-floor', 'zero', 'one'], ['picture']),
        node('Unsqueeze', ['picture', 'channel'], ['mel']),
      ],
    }),
  );
}

/** Frequencies of the DFT, in bins, that lie inside a band. */
function usedBins({ frame, sampleRate, lowHz, highHz }: LogMelOptions): readonly number[] {
  const all = Array.from({ length: Math.floor(frame / 2) + 1 }, (_, bin) => bin);
  return all.filter((bin) => (bin * sampleRate) / frame > lowHz && (bin * sampleRate) / frame < highHz);
}

/** Rows cos and −sin of each bin under a Hann window, scaled so that a full-scale sine has the power 1. */
function dftKernel({ frame }: LogMelOptions, bins: readonly number[]): Float32Array {
  const window = Float64Array.from({ length: frame }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (at + 0.5)) / frame));
  const scale = 2 / window.reduce((sum, weight) => sum + weight, 0);
  const kernel = new Float32Array(2 * bins.length * frame);
  for (const [row, bin] of bins.entries()) {
    for (let at = 0; at < frame; at += 1) {
      const angle = (2 * Math.PI * bin * at) / frame;
      const weight = scale * (window[at] as number);
      kernel[row * frame + at] = weight * Math.cos(angle);
      kernel[(bins.length + row) * frame + at] = -weight * Math.sin(angle);
    }
  }
  return kernel;
}

/** Triangles that are even on the mel scale, mel = 2595·log₁₀(1 + f/700) (O'Shaughnessy 1987), on the squares of both parts. */
function bandKernel(options: LogMelOptions, bins: readonly number[]): Float32Array {
  const { mels, lowHz, highHz, sampleRate, frame } = options;
  const [low, high] = [toMel(lowHz), toMel(highHz)];
  const edge = (band: number) => low + ((high - low) * band) / (mels + 1);
  const kernel = new Float32Array(mels * 2 * bins.length);
  for (let band = 0; band < mels; band += 1) {
    let sum = 0;
    for (const [column, bin] of bins.entries()) {
      const mel = toMel((bin * sampleRate) / frame);
      const rising = (mel - edge(band)) / (edge(band + 1) - edge(band));
      const falling = (edge(band + 2) - mel) / (edge(band + 2) - edge(band + 1));
      const weight = Math.max(0, Math.min(rising, falling));
      sum += weight;
      kernel[band * 2 * bins.length + column] = weight;
      kernel[band * 2 * bins.length + bins.length + column] = weight;
    }
    if (sum === 0) {
      throw new WhetError('internal', `mel band ${band} of ${mels} holds no frequency of a DFT of ${frame} samples`, {
        hint: 'Use fewer bands or longer frames.',
      });
    }
  }
  return kernel;
}

function toMel(hertz: number): number {
  return 2595 * Math.log10(1 + hertz / 700);
}
