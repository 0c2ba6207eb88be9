import { describe, expect, it } from 'vitest';
import { fitNormal, scoreAll } from '../../../agent/learn/anomaly/anomaly.ts';
import { embedderOf, openFeatureModel } from '../../../agent/model/feature-model.ts';
import { openPart } from '../../../agent/model/part.ts';
import { decodeModel } from '../../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import type { Model, Tensor } from '../../../agent/onnx/ir.ts';
import { withAnomalyHead, withRegressionHead } from '../../../agent/onnx/made/task-head.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { forms, modelOf, newestOpset } from '../../forms.ts';
import { floatClassifier, inputShape, noise, sampleInputs } from '../../models.ts';

async function outputs(model: Model, inputs: readonly Tensor[]): Promise<readonly (readonly number[])[]> {
  await using part = await openPart(createRuntime(), decodeModel(encodeModel(model)), { label: 'model' });
  const rows: number[][] = [];
  for (const x of inputs) rows.push(Array.from((await part.session.run({ x }))[part.session.outputNames[0] ?? '']?.data as Float32Array));
  return rows;
}

describe.each(forms([7, 13, newestOpset]))('$title', (form) => {
  it('takes heads of other kinds, which give what was learned', async () => {
    const model = await modelOf(form);
    const features = await openFeatureModel(model, { cut: null, runtime: createRuntime(), inputShape: inputShape(form.wish) });
    const { width } = features.features;
    expect(width).toBe(form.wish.kind === 'mlp' ? 10 : 8);
    const inputs = sampleInputs(form.wish, 12);
    await using embedder = await embedderOf(features, createRuntime());
    const rows = { features: new Float32Array(12 * width), count: 12, width };
    for (const [row, x] of inputs.entries()) rows.features.set(await embedder.embed(x.data as Float32Array), row * width);
    const backbone = { model: features.backbone, features: features.features.name, width };
    const weights = noise(width * 2, 4);
    const quantities = await outputs(withRegressionHead(backbone, weights, Float32Array.of(1, -2)), inputs);
    for (const [row, [first, second]] of quantities.entries()) {
      const dot = (column: number) =>
        Array.from({ length: width }, (_, at) => rows.features[row * width + at]! * weights[at * 2 + column]!).reduce((a, b) => a + b, 0);
      expect(first).toBeCloseTo(dot(0) + 1, 3);
      expect(second).toBeCloseTo(dot(1) - 2, 3);
    }
    const fitted = (await fitNormal(
      rows,
      Int32Array.from({ length: 12 }, (_, row) => row),
      { falseAlarms: 0.1, seed: 1, runtime: createRuntime() },
    ))!;
    const wanted = await scoreAll(fitted.normal, rows, createRuntime());
    for (const [row, [score]] of (await outputs(withAnomalyHead(backbone, fitted.normal), inputs)).entries())
      expect(score).toBeCloseTo(wanted[row]!, 2);
  });
});

describe('openFeatureModel', () => {
  it('refuses tensors that are no vector, and models without layers', async () => {
    const wish = { kind: 'conv', opset: 13 } as const;
    const open = (cut: string) => openFeatureModel(floatClassifier(wish), { cut, runtime: createRuntime(), inputShape: inputShape(wish) });
    await expect(open('r2')).rejects.toMatchObject({ code: 'model-unsupported', message: expect.stringContaining('[1,8,8,8]') });
    await expect(open('nose')).rejects.toMatchObject({ code: 'cut-impossible' });
  });

  it('gives its head names of their own where the model has them already', async () => {
    const wish = { kind: 'mlp', opset: 13 } as const;
    const model = floatClassifier(wish);
    const renamed: Model = {
      ...model,
      graph: {
        ...model.graph,
        nodes: model.graph.nodes.map((node) => ({
          ...node,
          inputs: node.inputs.map((name) => (name === 'r1' ? 'value' : name)),
          outputs: node.outputs.map((name) => (name === 'r1' ? 'value' : name)),
        })),
      },
    };
    const features = await openFeatureModel(renamed, { cut: null, runtime: createRuntime(), inputShape: [1, 12] });
    const head = withRegressionHead(
      { model: features.backbone, features: features.features.name, width: 10 },
      new Float32Array(10),
      Float32Array.of(7),
    );
    expect(await outputs(head, sampleInputs(wish, 1))).toEqual([[7]]);
    expect(head.graph.outputs[0]?.name).toBe('task/value');
  });
});
