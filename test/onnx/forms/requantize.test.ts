import { describe, expect, it } from 'vitest';
import { createEmbedder } from '../../../agent/model/embed.ts';
import { openClassifier } from '../../../agent/model/open.ts';
import { openPart } from '../../../agent/model/part.ts';
import { measureRanges } from '../../../agent/model/ranges.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { calibrationTensors } from '../../../agent/onnx/forms/activation-scale.ts';
import { requantize } from '../../../agent/onnx/forms/requantize.ts';
import type { Model, Tensor } from '../../../agent/onnx/ir.ts';
import { detectQuantization } from '../../../agent/onnx/surgery/layers.ts';
import type { FloatTail } from '../../../agent/onnx/surgery/tail.ts';
import { weightsOf, withWeights } from '../../../agent/onnx/weights.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { forms, modelOf, newestOpset } from '../../forms.ts';
import { noise, sampleInputs } from '../../models.ts';

const argmax = (values: Float32Array) => values.indexOf(Math.max(...values));

/** What training might make of the weights: another size, and noise. */
function trained(tail: FloatTail): ReadonlyMap<string, Tensor> {
  return new Map(
    [...weightsOf(tail)].map(([name, tensor], at) => {
      const old = tensor.data as Float32Array;
      const size = Math.max(...old.map(Math.abs));
      const jitter = noise(old.length, 100 + at);
      return [name, { ...tensor, data: old.map((w, index) => 1.7 * w + 0.5 * size * (jitter[index] as number)) }];
    }),
  );
}

async function outputs(model: Model, input: string, xs: readonly Tensor[]): Promise<readonly Float32Array[]> {
  await using part = await openPart(createRuntime(), model, { label: 'model' });
  const all: Float32Array[] = [];
  for (const x of xs) all.push((await part.session.run({ [input]: x })).y?.data as Float32Array);
  return all;
}

describe('requantize', () => {
  const all = forms([10, 13, newestOpset]);

  it.each(all)('gives back what it got, to the byte: $title', async (form) => {
    const base = await modelOf(form);
    for (const layers of [1, 2]) {
      const { tail } = await openClassifier(base, { cut: { kind: 'layers', layers }, runtime: createRuntime() });
      const again = requantize(base, tail, weightsOf(tail), { ranges: new Map() });
      expect(Buffer.compare(encodeModel(again), encodeModel(base))).toBe(0);
    }
  });

  it.each(all)('the int8 model decides like the trained float tail: $title', async (form) => {
    const base = await modelOf(form);
    const xs = sampleInputs(form.wish, 100, 99);
    for (const layers of [1, 2]) {
      const opened = await openClassifier(base, { cut: { kind: 'layers', layers }, runtime: createRuntime() });
      const { tail, features } = opened;
      const weights = trained(tail);
      await using embedder = await createEmbedder(opened, createRuntime());
      const rows = new Float32Array(xs.length * features.width);
      for (const [at, x] of xs.entries()) rows.set(await embedder.embed(x.data as Float32Array), at * features.width);
      const ranges = await measureRanges(
        tail,
        weights,
        { features: rows, count: xs.length, width: features.width },
        features.shape,
        createRuntime(),
      );
      expect([...ranges.keys()]).toEqual([...calibrationTensors(tail)]);
      const artifact = requantize(base, tail, weights, { ranges });
      expect(detectQuantization(artifact)).toBe(detectQuantization(base));
      expect(artifact.graph.nodes.map((node) => node.op)).toEqual(base.graph.nodes.map((node) => node.op));
      const samples = xs.map(
        (_, at): Tensor => ({ dtype: 'float32', dims: features.shape, data: rows.slice(at * features.width, (at + 1) * features.width) }),
      );
      const float = await outputs(withWeights(tail, weights).model, tail.input, samples);
      const whole = await outputs(artifact, 'x', xs);
      const before = await outputs(base, 'x', xs);
      const share = (others: readonly Float32Array[]) =>
        whole.filter((y, at) => argmax(y) === argmax(others[at] as Float32Array)).length / xs.length;
      expect(share(float)).toBeGreaterThanOrEqual(0.95);
      // The weights have changed enough that the base model would not pass.
      expect(share(before)).toBeLessThan(0.9);
    }
  });

  it('refuses weights that are not finite, naming them', async () => {
    const base = await modelOf(forms([13], ['mlp'])[0]!);
    const { tail } = await openClassifier(base, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
    const broken = new Map([
      [tail.head?.weight ?? '', { dtype: 'float32' as const, dims: [5, 10], data: new Float32Array(50).fill(Number.NaN) }],
    ]);
    expect(() => requantize(base, tail, broken, { ranges: new Map() })).toThrow(/'w3' is not finite at position 0/);
  });
});
