import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import type { Tensor } from '../../../agent/onnx/ir.ts';
import { floats, graph, model, node, value } from '../../../agent/onnx/made/build.ts';
import { type LogMelOptions, logMelModel, speech8k } from '../../../agent/onnx/made/log-mel.ts';
import { joinModels } from '../../../agent/onnx/surgery/join.ts';
import { randomOf } from '../../../agent/random.ts';
import { openSession } from '../../../agent/runtime/session.ts';

async function run(options: LogMelOptions, waveforms: readonly Float32Array[]): Promise<Float32Array> {
  await using session = await openSession(encodeModel(logMelModel(options)), { label: 'log-mel' });
  const data = Float32Array.from(waveforms.flatMap((each) => Array.from(each)));
  const { mel } = await session.run({ waveform: { dtype: 'float32', dims: [waveforms.length, options.samples], data } });
  expect(mel?.dims).toEqual([waveforms.length, 1, options.mels, options.samples / options.hop]);
  return (mel as Tensor).data as Float32Array;
}

/** The definition, in double precision: frame by frame, a DFT by its sum, triangles on the mel axis, dB below the loudest. */
function reference(options: LogMelOptions, x: Float32Array): Float64Array {
  const { sampleRate, samples, frame, hop, mels, lowHz, highHz, rangeDb, quietestDb } = options;
  const frames = samples / hop;
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const hertz = (value: number) => 700 * (10 ** (value / 2595) - 1);
  const corner = (index: number) => hertz(mel(lowHz) + ((mel(highHz) - mel(lowHz)) * index) / (mels + 1));
  const window = Array.from({ length: frame }, (_, at) => Math.sin((Math.PI * (at + 0.5)) / frame) ** 2);
  const gain = window.reduce((a, b) => a + b) / 2;
  const levels = new Float64Array(mels * frames);
  for (let t = 0; t < frames; t += 1) {
    const first = t * hop - (frame - hop) / 2;
    for (let bin = 1; bin < frame / 2; bin += 1) {
      let re = 0;
      let im = 0;
      for (let at = 0; at < frame; at += 1) {
        const sample = (x[first + at] ?? 0) * (window[at] as number);
        re += sample * Math.cos((2 * Math.PI * bin * at) / frame);
        im += sample * Math.sin((2 * Math.PI * bin * at) / frame);
      }
      const power = (re * re + im * im) / gain ** 2;
      const f = (bin * sampleRate) / frame;
      for (let band = 0; band < mels; band += 1) {
        const [a, b, c] = [mel(corner(band)), mel(corner(band + 1)), mel(corner(band + 2))];
        const m = mel(f);
        const weight = m <= a || m >= c ? 0 : m < b ? (m - a) / (b - a) : (c - m) / (c - b);
        (levels[band * frames + t] as number) += weight * power;
      }
    }
  }
  const db = levels.map((energy) => 10 * Math.log10(Math.max(energy, 1e-20)));
  const top = Math.max(quietestDb, ...db);
  return db.map((level) => Math.max(0, 1 + (level - top) / rangeDb));
}

const noise = (count: number, seed: number, level = 0.3) => {
  const random = randomOf(seed);
  return Float32Array.from({ length: count }, () => level * (2 * random() - 1));
};
const small: LogMelOptions = { ...speech8k, samples: 1600, mels: 20 };

describe('logMelModel', () => {
  it('is the log-mel spectrum by its definition', async () => {
    const swept = Float32Array.from({ length: 1600 }, (_, at) => 0.5 * Math.sin(2 * Math.PI * (0.02 + at / 10_000) * at) * (at / 1600));
    const waveforms = [noise(1600, 1), swept, noise(1600, 2, 0.001)];
    const result = await run(small, waveforms);
    const size = result.length / waveforms.length;
    for (const [index, x] of waveforms.entries()) {
      const wanted = reference(small, x);
      for (let at = 0; at < size; at += 1)
        expect(Math.abs((result[index * size + at] as number) - (wanted[at] as number))).toBeLessThan(1e-3);
    }
  });

  it('puts a tone into its band and leaves the far ones dark', async () => {
    const tone = Float32Array.from({ length: 8000 }, (_, at) => 0.5 * Math.sin((2 * Math.PI * 1000 * at) / 8000));
    const result = await run(speech8k, [tone]);
    const column = Array.from({ length: 32 }, (_, band) => result[band * 100 + 50] as number);
    const loudest = column.indexOf(Math.max(...column));
    const step = (2595 * Math.log10((1 + 3900 / 700) / (1 + 60 / 700))) / 33;
    expect(loudest).toBe(Math.round((2595 * Math.log10((1 + 1000 / 700) / (1 + 60 / 700))) / step) - 1);
    expect(column[loudest]).toBeCloseTo(1, 4);
    expect(column[loudest + 6]).toBeCloseTo(0, 5);
  });

  it('does not depend on the level, and keeps silence dark', async () => {
    const loud = noise(1600, 3, 0.9);
    const [a, b] = [await run(small, [loud]), await run(small, [loud.map((value) => value / 30)])];
    for (const [at, value] of a.entries()) expect(Math.abs(value - (b[at] as number))).toBeLessThan(1e-3);
    expect(Math.max(...(await run(small, [new Float32Array(1600)])))).toBeCloseTo(0, 5);
  });

  it('refuses bands that hold no frequency', () => {
    expect(() => logMelModel({ ...speech8k, mels: 120 })).toThrow(/mel band/);
  });
});

describe('joinModels', () => {
  const times = (factor: number, input: string, output: string) =>
    model(
      graph('times', {
        inputs: [value(input, ['n', 2])],
        outputs: [value(output, ['n', 2])],
        nodes: [node('Mul', [input, 'factor'], ['y']), node('Add', ['y', 'factor'], [output])],
        initializers: [['factor', floats([], factor)]],
      }),
    );

  it('computes the second model of the first', async () => {
    await using session = await openSession(encodeModel(joinModels(times(2, 'x', 'z'), times(10, 'input', 'logits'))), { label: 'joined' });
    expect(session.inputNames).toEqual(['x']);
    const { logits } = await session.run({ x: { dtype: 'float32', dims: [1, 2], data: Float32Array.of(1, 2) } });
    expect(Array.from((logits as Tensor).data as Float32Array)).toEqual([50, 70]);
  });

  it('refuses names that would meet, and opsets that differ', () => {
    expect(() => joinModels(times(2, 'x', 'z'), times(10, 'x', 'logits'))).toThrow(/'x' is taken/);
    const older = { ...times(2, 'x', 'z'), opsets: new Map([['', 13]]) };
    expect(() => joinModels(older, times(10, 'input', 'logits'))).toThrow(/opset 13 and 17/);
  });
});
