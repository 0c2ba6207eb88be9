import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openClassifier } from '../../../agent/model/open.ts';
import { openPart } from '../../../agent/model/part.ts';
import { prove } from '../../../agent/model/proof.ts';
import { quantizeStatically, type StaticOptions } from '../../../agent/model/quantize-statically.ts';
import { measureRanges } from '../../../agent/model/ranges.ts';
import { decodeModel } from '../../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { dequantizeTail } from '../../../agent/onnx/forms/dequantize.ts';
import { requantize } from '../../../agent/onnx/forms/requantize.ts';
import type { Model, Tensor } from '../../../agent/onnx/ir.ts';
import { planQuantization } from '../../../agent/onnx/quantize/plan.ts';
import { prepareFloat } from '../../../agent/onnx/quantize/prepare.ts';
import { findCut } from '../../../agent/onnx/surgery/cut.ts';
import { detectQuantization, listLayers } from '../../../agent/onnx/surgery/layers.ts';
import { compareLayers } from '../../../agent/quantize/layer-fidelity.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { floatClassifier, sampleInputs } from '../../models.ts';
import { branches, inputsOf, mobile, withFrontEnd } from './nets.ts';

async function run(net: Model, inputs: readonly Tensor[], optimization: 'disabled' | 'all' = 'all'): Promise<readonly Float32Array[]> {
  await using part = await openPart(createRuntime(), net, { label: 'net', optimization });
  const outputs: Float32Array[] = [];
  for (const x of inputs) outputs.push((await part.session.run({ x })).y?.data as Float32Array);
  return outputs;
}

/** 10·log10(Σ a² / Σ (a − b)²), decibels. */
function fidelity(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  let signal = 0;
  let noise = 0;
  for (const [row, values] of a.entries())
    for (const [at, x] of values.entries()) {
      signal += x * x;
      noise += (x - (b[row]?.[at] as number)) ** 2;
    }
  return 10 * Math.log10(signal / noise);
}

const nets: readonly (readonly [string, Model])[] = [
  ['MobileNet-like with logits', mobile(1, 'logits')],
  ['MobileNet-like with Softmax', mobile(1, 'softmax')],
  ['branches', branches(5)],
  ['front end', withFrontEnd(9)],
  ['perceptron of opset 7', floatClassifier({ kind: 'mlp', opset: 7 })],
  ['convolutional of opset 9', floatClassifier({ kind: 'conv', opset: 9 })],
  ['convolutional of opset 21 with Softmax', floatClassifier({ kind: 'conv', opset: 21, softmax: true })],
];

const inputsFor = (name: string, net: Model) =>
  name.includes('opset') ? sampleInputs({ kind: name.startsWith('perc') ? 'mlp' : 'conv', opset: 13 }, 24) : inputsOf(net, 24);

describe('prepareFloat', () => {
  it.each(nets)('%s computes what it computed', async (name, net) => {
    const prepared = prepareFloat(net);
    expect(prepared.graph.nodes.filter(({ op }) => ['BatchNormalization', 'Dropout', 'Identity', 'Constant'].includes(op))).toEqual([]);
    if (name === 'branches') expect(prepared.graph.nodes.filter(({ op }) => op === 'Add').length).toBe(1);
    const inputs = inputsFor(name, net).slice(0, 5);
    expect(fidelity(await run(net, inputs), await run(prepared, inputs))).toBeGreaterThan(100);
  });

  it('refuses a quantized model', async () => {
    const { model } = await quantizeStatically(mobile(1, 'logits'), inputsOf(mobile(1, 'logits'), 4));
    expect(() => prepareFloat(model)).toThrow(/quantized already/);
  });
});

describe('quantizeModel', () => {
  describe.each(nets)('%s', (name, net) => {
    const inputs = inputsFor(name, net);
    it.each([
      { activations: 'uint8', ranges: { kind: 'minmax' } },
      { activations: 'int8', ranges: { kind: 'percentile', percent: 99.9 } },
      { activations: 'uint8', perChannel: false, reduceRange: true, biasCorrection: true },
    ] as const)('stays close to float and goes through the cut: %o', async (options: StaticOptions) => {
      const { model } = await quantizeStatically(net, inputs, options);
      expect(detectQuantization(model)).toBe('qdq');
      const back = decodeModel(encodeModel(model));
      const float = await run(net, inputs);
      // A logarithm of 8-bit powers is coarse: that is what `from` is for.
      const least = name === 'front end' ? 8 : 16;
      expect(fidelity(float, await run(back, inputs, 'disabled'))).toBeGreaterThan(least);
      expect(fidelity(float, await run(back, inputs, 'all'))).toBeGreaterThan(least);
      for (let layers = 1; layers <= listLayers(model).length; layers += 1) {
        const cut = findCut(model, { kind: 'layers', layers });
        if (cut.tensor === 'x') continue;
        const { proof } = await prove(back, cut, inputs.slice(0, 4), createRuntime());
        expect(proof.splitMaxAbsDiff).toBe(0);
      }
    });
  });

  it('gives back the same bytes when nothing was learned, and takes changed weights', async () => {
    const net = mobile(1, 'logits');
    const inputs = inputsOf(net, 24);
    const { model } = await quantizeStatically(net, inputs, { biasCorrection: true });
    for (const layers of [1, 2, 3]) {
      const classifier = await openClassifier(model, { cut: { kind: 'layers', layers }, runtime: createRuntime() });
      const same = requantize(model, classifier.tail, new Map(), { ranges: new Map() });
      expect(Buffer.from(encodeModel(same)).equals(Buffer.from(encodeModel(model)))).toBe(true);
      const changed = new Map(
        classifier.tail.parameters.map(({ name }) => {
          const before = classifier.tail.base.get(name) as Tensor;
          return [name, { ...before, data: (before.data as Float32Array).map((w) => 1.5 * w) }] as const;
        }),
      );
      await using backbone = await openPart(createRuntime(), classifier.backbone, { label: 'backbone' });
      const rows = { features: new Float32Array(24 * classifier.features.width), count: 24, width: classifier.features.width };
      for (const [row, x] of inputs.entries())
        rows.features.set((await backbone.session.run({ x }))[classifier.features.name]?.data as Float32Array, row * rows.width);
      const ranges = await measureRanges(classifier.tail, changed, rows, classifier.features.shape, createRuntime());
      const trained = requantize(model, classifier.tail, changed, { ranges });
      const before = await run(model, inputs);
      expect(fidelity(before, await run(trained, inputs))).toBeLessThan(10);
      expect(detectQuantization(trained)).toBe('qdq');
    }
  });

  it('stores int8 weights around zero with one scale a channel, int32 biases, and leaves the output float', async () => {
    const net = mobile(1, 'softmax');
    const { model } = await quantizeStatically(net, inputsOf(net, 8));
    const head = model.graph.initializers;
    expect(head.get('logits/weight/q')).toMatchObject({ dtype: 'int8', dims: [6, 16] });
    expect(head.get('logits/weight/scale')?.dims).toEqual([6]);
    expect(head.get('logits/bias/q')?.dtype).toBe('int32');
    expect(Array.from(head.get('logits/weight/zero')?.data as Int8Array)).toEqual([0, 0, 0, 0, 0, 0]);
    const producer = model.graph.nodes.find(({ outputs }) => outputs[0] === 'y');
    expect(producer).toMatchObject({ op: 'Softmax', inputs: ['logits'] });
    // Relus and Clips became ranges that begin at zero.
    expect(model.graph.nodes.filter(({ op }) => op === 'Clip' || op === 'Relu')).toEqual([]);
    expect(Array.from(head.get('a6/zero')?.data as Uint8Array)).toEqual([0]);
    // What only moves values has the scale of what it got.
    expect(model.graph.nodes.find(({ outputs }) => outputs[0] === 'pooled/q')?.inputs[1]).toBe('residual/scale');
  });

  it('finds names of its own where the model has them already: a quantized model made float, and quantized again', async () => {
    const net = mobile(1, 'logits');
    const inputs = inputsOf(net, 24);
    const { model } = await quantizeStatically(net, inputs, { biasCorrection: true });
    const again = await quantizeStatically(dequantizeTail(model, 'free').model, inputs, { biasCorrection: true });
    expect(fidelity(await run(net, inputs), await run(again.model, inputs))).toBeGreaterThan(12);
    const [layer] = await compareLayers(again.plan, again.model, inputs.slice(0, 3), createRuntime());
    expect(layer!.decibels).toBeGreaterThan(10);
  });

  it('leaves what stands before `from` float', async () => {
    const net = withFrontEnd(9);
    const inputs = inputsOf(net, 24);
    const { model, plan } = await quantizeStatically(net, inputs, { from: 'mel' });
    expect(plan.scaleOf.has('x')).toBe(false);
    const before = ['Unsqueeze', 'Conv', 'Mul', 'Add', 'Log', 'QuantizeLinear'];
    expect(model.graph.nodes.slice(0, before.length).map(({ op }) => op)).toEqual(before);
    expect(model.graph.nodes[1]?.inputs).toEqual(['wave', 'dft']);
    expect(fidelity(await run(net, inputs), await run(model, inputs))).toBeGreaterThan(30);
  });

  it('leaves named layers float', async () => {
    const net = mobile(1, 'logits');
    const { model } = await quantizeStatically(net, inputsOf(net, 8), { keepFloat: ['head', 'c'] });
    const quantizations = listLayers(model).map(({ node, quantization }) => [node.outputs[0], quantization]);
    expect(quantizations).toContainEqual(['y', 'none']);
    expect(quantizations.filter(([, form]) => form === 'qdq').length).toBeGreaterThan(3);
    expect(() => planQuantization(prepareFloat(net), { keepFloat: ['nose'] })).toThrow(/'nose'/);
    expect(() => planQuantization(prepareFloat(net), { from: 'nose' })).toThrow(/'nose'/);
  });

  it('corrects what rounding moves: the mean of every logit comes nearer', async () => {
    const net = mobile(1, 'logits');
    const inputs = inputsOf(net, 48);
    const float = await run(net, inputs);
    const bias = async (options: StaticOptions) => {
      const outputs = await run(
        (await quantizeStatically(net, inputs, { ...options, perChannel: false, reduceRange: true })).model,
        inputs,
      );
      const shift = Array.from(
        { length: 6 },
        (_, at) => float.reduce((sum, row, index) => sum + (row[at]! - outputs[index]![at]!), 0) / float.length,
      );
      return Math.hypot(...shift);
    };
    expect(await bias({ biasCorrection: true })).toBeLessThan(0.7 * (await bias({})));
  });

  it('refuses data on which a tensor is not finite', async () => {
    const net = mobile(1, 'logits');
    const bad = inputsOf(net, 2).map((x) => ({ ...x, data: (x.data as Float32Array).map(() => Number.NaN) }));
    await expect(quantizeStatically(net, bad)).rejects.toMatchObject({ code: 'model-unsupported' });
  });

  it('random nets of random seeds run with optimizations on and off, and split to the bit', async () => {
    const random = fc.record({
      seed: fc.integer({ min: 1, max: 10_000 }),
      kind: fc.constantFrom('mobile', 'branches', 'front end'),
      activations: fc.constantFrom('uint8' as const, 'int8' as const),
      perChannel: fc.boolean(),
      ranges: fc.constantFrom({ kind: 'minmax' } as const, { kind: 'percentile', percent: 99.9 } as const, { kind: 'entropy' } as const),
      layers: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(random, async ({ seed, kind, layers, ...options }) => {
        const net = kind === 'mobile' ? mobile(seed, 'logits') : kind === 'branches' ? branches(seed) : withFrontEnd(seed);
        const inputs = inputsOf(net, 12, seed);
        const { model } = await quantizeStatically(net, inputs, options);
        const float = await run(net, inputs);
        expect(fidelity(float, await run(model, inputs, 'disabled'))).toBeGreaterThan(6);
        expect(fidelity(float, await run(model, inputs, 'all'))).toBeGreaterThan(6);
        const { proof } = await prove(model, findCut(model, { kind: 'layers', layers }), inputs.slice(0, 2), createRuntime());
        expect(proof.splitMaxAbsDiff).toBe(0);
      }),
      { numRuns: 25 },
    );
  });
});
