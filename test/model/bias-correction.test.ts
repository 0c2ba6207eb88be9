// Biases take up what rounding of weights shifts: means of every layer's outputs come through quantization, and a head whose large weights
// cancel keeps its accuracy where plain rounding loses it. What did not change stays.

import { expect, it } from 'vitest';
import { correctBiases } from '../../agent/model/bias-correction.ts';
import { createEmbedder } from '../../agent/model/embed.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { openPart } from '../../agent/model/part.ts';
import { measureRanges } from '../../agent/model/ranges.ts';
import { requantize } from '../../agent/onnx/forms/requantize.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { weightsOf, withWeights } from '../../agent/onnx/weights.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { forms, modelOf } from '../forms.ts';
import { noise, sampleInputs } from '../models.ts';

const cases = forms([13], ['deep']).filter(({ wish, quantizer }) => wish.softmax !== true && quantizer !== null);

it.each(cases)('means of the logits come through: $title', async (form) => {
  const base = await modelOf(form);
  const classifier = await openClassifier(base, { cut: { kind: 'layers', layers: 4 }, runtime: createRuntime() });
  const { tail } = classifier;
  const { width, shape } = classifier.features;
  const xs = sampleInputs(form.wish, 80, 31);
  await using embedder = await createEmbedder(classifier, createRuntime());
  const features = new Float32Array(xs.length * width);
  for (const [at, x] of xs.entries()) features.set(await embedder.embed(x.data as Float32Array), at * width);
  const rows = { features, count: xs.length, width };
  // A few large weights make the grid coarse for all others.
  const trained = new Map(
    [...weightsOf(tail)].map(([name, tensor], at) => {
      const jitter = noise((tensor.data as Float32Array).length, 500 + at);
      const data = (tensor.data as Float32Array).map((w, index) => (index % 37 === 5 ? 12 * w : w) + 0.02 * (jitter[index] as number));
      return [name, { ...tensor, data }];
    }),
  );
  const corrected = await correctBiases(tail, trained, rows, shape, createRuntime());
  const biases = tail.parameters.filter(({ role }) => role === 'bias').map(({ name }) => name);
  for (const [name, value] of trained) if (!biases.includes(name)) expect(corrected.get(name)).toBe(value);

  const feed = { [tail.input]: { dtype: 'float32', dims: [xs.length, ...shape.slice(1)], data: features } as Tensor };
  await using float = await openPart(createRuntime(), withWeights(tail, trained).model, { label: 'the float tail' });
  const wanted = meansOf((await float.session.run(feed))[tail.output]?.data as Float32Array);
  const away = async (weights: ReadonlyMap<string, Tensor>) => {
    const ranges = await measureRanges(tail, weights, rows, shape, createRuntime());
    const written = await openClassifier(requantize(base, tail, weights, { ranges }), {
      cut: { kind: 'tensor', tensor: classifier.cut.tensor },
      runtime: createRuntime(),
    });
    await using part = await openPart(createRuntime(), written.tailQuantized, { label: 'the quantized tail' });
    const is = meansOf((await part.session.run(feed))[tail.output]?.data as Float32Array);
    return Math.hypot(...is.map((mean, at) => mean - (wanted[at] as number)));
  };
  expect(await away(corrected)).toBeLessThan(0.5 * (await away(trained)));
  expect(await correctBiases(tail, weightsOf(tail), rows, shape, createRuntime())).toEqual(weightsOf(tail));
});

function meansOf(logits: Float32Array): readonly number[] {
  const means = new Array<number>(5).fill(0);
  for (const [at, logit] of logits.entries()) means[at % 5] = (means[at % 5] as number) + (5 * logit) / logits.length;
  return means;
}
