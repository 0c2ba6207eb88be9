// A tail that computes on the grids of its quantized form: its weights are those that writing back gives, its results those of the quantized
// tail, its gradients straight through, zero where the quantizer clips, and the same in the fast form of a step.

import { describe, expect, it } from 'vitest';
import { Draft } from '../../agent/autodiff/draft.ts';
import { fakeQuantized } from '../../agent/autodiff/fake-quantization.ts';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { expandSnaps, snapNode } from '../../agent/autodiff/snap.ts';
import { compileStep } from '../../agent/autodiff/step.ts';
import { forwardModel } from '../../agent/autodiff/trainable.ts';
import { backward } from '../../agent/autodiff/walk.ts';
import { createEmbedder } from '../../agent/model/embed.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { measureRanges } from '../../agent/model/ranges.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { requantize } from '../../agent/onnx/forms/requantize.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { graph, model, node, value } from '../../agent/onnx/made/build.ts';
import { weightsOf, withWeights } from '../../agent/onnx/weights.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { openSession } from '../../agent/runtime/session.ts';
import { type Form, forms, modelOf } from '../forms.ts';
import { noise, sampleInputs } from '../models.ts';

const floats = (dims: readonly number[], data: Float32Array): Tensor => ({ dtype: 'float32', dims, data });

async function opened(form: Form, layers: number) {
  const base = await modelOf(form);
  const classifier = await openClassifier(base, { cut: { kind: 'layers', layers }, runtime: createRuntime() });
  const xs = sampleInputs(form.wish, 60, 99);
  await using embedder = await createEmbedder(classifier, createRuntime());
  const { width, shape } = classifier.features;
  const features = new Float32Array(xs.length * width);
  for (const [at, x] of xs.entries()) features.set(await embedder.embed(x.data as Float32Array), at * width);
  const rows = { features, count: xs.length, width };
  const weights = new Map(
    [...weightsOf(classifier.tail)].map(([name, tensor], at) => {
      const old = tensor.data as Float32Array;
      const size = Math.max(...old.map(Math.abs));
      const jitter = noise(old.length, 300 + at);
      return [name, { ...tensor, data: old.map((w, index) => 1.3 * w + 0.3 * size * (jitter[index] as number)) }];
    }),
  );
  return { base, classifier, tail: classifier.tail, rows, shape, weights };
}

/** What a tail gives: at once where every part is float, one by one where it quantizes as it goes. */
async function run(
  model: Parameters<typeof encodeModel>[0],
  feeds: Readonly<Record<string, Tensor>>,
  output: string,
): Promise<Float32Array> {
  await using session = await openSession(encodeModel(model), { label: 'a tail' });
  return (await session.run(feeds))[output]?.data as Float32Array;
}

const all = forms([10, 13, 21], ['deep']).filter(({ quantizer, wish }) => quantizer !== null && wish.softmax !== true);

describe('a fake-quantized tail', () => {
  it.each(all)('has the weights that writing back gives: $title', async (form) => {
    const { base, tail, rows, shape, weights } = await opened(form, 5);
    const fake = fakeQuantized(withWeights(tail, weights));
    const ranges = await measureRanges(tail, weights, rows, shape, createRuntime());
    const artifact = requantize(base, tail, weights, { ranges });
    const again = (await openClassifier(artifact, { cut: { kind: 'layers', layers: 5 }, runtime: createRuntime() })).tail.base;
    const quantized = tail.parameters.filter(({ name }) => tail.origins.get(name)?.kind === 'quantized').map(({ name }) => name);
    expect(quantized.length).toBeGreaterThanOrEqual(5);
    const watching = {
      ...fake.tail.model,
      graph: { ...fake.tail.model.graph, outputs: quantized.map((name) => value(`${name}/snapped`, null)) },
    };
    await using session = await openSession(encodeModel({ ...watching, graph: expandSnaps(watching.graph) }), { label: 'weights' });
    const out = await session.run({ [tail.input]: floats([1, ...shape.slice(1)], rows.features.slice(0, rows.width)) });
    for (const name of quantized) {
      const written = again.get(name)?.data as Float32Array;
      const snapped = out[`${name}/snapped`]?.data as Float32Array;
      const size = Math.max(...written.map(Math.abs));
      expect(Math.max(...snapped.map((w, at) => Math.abs(w - (written[at] as number))))).toBeLessThan(1e-5 * size);
    }
  });

  it.each(all.filter(({ quantizer }) => quantizer?.form !== 'dynamic'))('computes like the quantized tail: $title', async (form) => {
    const { base, classifier, tail, rows, shape, weights } = await opened(form, 5);
    const ranges = await measureRanges(tail, weights, rows, shape, createRuntime());
    const artifact = requantize(base, tail, weights, { ranges });
    const { tailQuantized } = await openClassifier(artifact, {
      cut: { kind: 'tensor', tensor: classifier.cut.tensor },
      runtime: createRuntime(),
    });
    const features = { [tail.input]: floats([rows.count, ...shape.slice(1)], rows.features) };
    const shipped = await run(tailQuantized, features, tail.output);
    const float = await run(withWeights(tail, weights).model, features, tail.output);
    const fake = fakeQuantized(tail);
    expect(fake.watched.length).toBeGreaterThan(3);
    const grids = Object.fromEntries(fake.gridsFor(ranges));
    const same = await run(forwardModel(fake.tail), { ...features, ...grids, ...Object.fromEntries(weights) }, tail.logits);
    const away = (logits: Float32Array) =>
      Math.sqrt(logits.reduce((sum, logit, at) => sum + (logit - (shipped[at] as number)) ** 2, 0) / logits.length);
    // What is left is the grid of the logits, which it does without.
    expect(away(same)).toBeLessThan(0.75 * away(float));
  });

  const [form] = all.filter(({ title }) => title.includes('opset 13, QOperator per channel'));

  it('trains alike in the fast form and in the plain one', async () => {
    const { tail, rows, shape, weights } = await opened(form as Form, 5);
    const fake = fakeQuantized(tail);
    const ranges = await measureRanges(tail, weights, rows, shape, createRuntime());
    const step = async (lowered: boolean) => {
      const compiled = compileStep(fake.tail, {
        batch: 10,
        loss: plainLoss(5),
        optimizer: { kind: 'sgd', momentum: 0, decay: 0 },
        lowered,
      });
      await using session = await openSession(encodeModel(compiled.model), { label: 'a step' });
      const out = await session.run({
        features: floats([rows.count, ...shape.slice(1)], rows.features),
        labels: { dtype: 'int64', dims: [rows.count], data: BigInt64Array.from({ length: rows.count }, (_, at) => BigInt(at % 5)) },
        weights: floats([rows.count], new Float32Array(rows.count).fill(1)),
        order: { dtype: 'int64', dims: [1, 10], data: BigInt64Array.from({ length: 10 }, (_, at) => BigInt(at)) },
        rates: floats([1], Float32Array.of(1)),
        done: floats([], Float32Array.of(0)),
        ...Object.fromEntries(compiled.parameters.map(({ name, input }) => [input, weights.get(name) as Tensor])),
        ...Object.fromEntries([...fake.gridsFor(ranges)].map(([name, tensor]) => [`in/${name}`, tensor])),
      });
      return new Map(
        compiled.parameters.map(({ name, output }) => {
          const old = weights.get(name)?.data as Float32Array;
          return [name, ((out[output] as Tensor).data as Float32Array).map((w, at) => (old[at] as number) - w)];
        }),
      );
    };
    const [fast, plain] = [await step(true), await step(false)];
    for (const [name, dw] of plain) {
      const size = Math.max(...dw.map(Math.abs));
      expect(size).toBeGreaterThan(0);
      const other = fast.get(name) as Float32Array;
      // A value on the edge of two steps of the grid may fall to either side, depending on the order of sums.
      const off = dw.filter((value, at) => Math.abs(value - (other[at] as number)) > 1e-2 * size).length;
      expect(off / dw.length).toBeLessThan(0.02);
    }
  });

  it('gives straight-through gradients, and none where the quantizer clips', async () => {
    const c = new Draft();
    c.declare('x', [6]);
    c.declare('dy', [6]);
    for (const [name, number] of [
      ['low', -1],
      ['high', 1],
      ['scale', 0.25],
    ] as const)
      c.constant(name, floats([], Float32Array.of(number)));
    const nodes = [node('Clip', ['x', 'low', 'high'], ['clipped']), snapNode('clipped', 'scale', 'y')];
    for (const each of nodes) c.add(each);
    const dx = backward(c, nodes, new Map([['y', 'dy']]), ['x']).get('x') as string;
    const body = graph('g', {
      inputs: [value('x', [6]), value('dy', [6])],
      outputs: [value('y', [6]), value(dx, [6])],
      ...c.finish(['y', dx]),
    });
    await using session = await openSession(encodeModel(model(expandSnaps(body))), { label: 'a snap' });
    const out = await session.run({
      x: floats([6], Float32Array.of(-3, -0.9, -0.125, 0.375, 0.6, 2)),
      dy: floats([6], Float32Array.of(1, 2, 3, 4, 5, 6)),
    });
    expect(Array.from(out.y?.data as Float32Array)).toEqual([-1, -1, -0, 0.5, 0.5, 1]);
    expect(Array.from(out[dx]?.data as Float32Array)).toEqual([0, 2, 3, 4, 5, 0]);
  });
});
