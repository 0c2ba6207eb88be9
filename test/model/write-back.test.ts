import { describe, expect, it } from 'vitest';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { adamW } from '../../agent/autodiff/optimizers.ts';
import { compileStep } from '../../agent/autodiff/step.ts';
import { classScores } from '../../agent/model/classify.ts';
import { proofInputs } from '../../agent/model/input.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { openPart } from '../../agent/model/part.ts';
import { prove } from '../../agent/model/proof.ts';
import { writeBack } from '../../agent/model/write-back.ts';
import { decodeModel } from '../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Model, Tensor, ValueInfo } from '../../agent/onnx/ir.ts';
import { withClasses } from '../../agent/onnx/surgery/classes.ts';
import { weightsOf, withWeights } from '../../agent/onnx/weights.ts';
import { randomOf } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { openSession } from '../../agent/runtime/session.ts';
import { cases, dense, gemm, noise } from './common-models.ts';

const random = randomOf(8);

async function output(part: Model | Uint8Array, input: string, x: Tensor, name: string): Promise<Float32Array> {
  await using open = await openPart(createRuntime(), part, { label: 'model' });
  return (await open.session.run({ [input]: x }, [name]))[name]?.data as Float32Array;
}

describe('models that people have: trained in float32, written back as they store it', () => {
  for (const [name, base, parameters, classes] of cases) {
    for (const wanted of classes === null ? [null] : [null, classes]) {
      it(wanted === null ? name : `${name}, with ${wanted} classes`, async () => {
        const classifier = await openClassifier(base, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
        const { input, features } = classifier;
        const ends = base.graph.inputs[0] as ValueInfo;
        const { proof } = await prove(base, classifier.cut, proofInputs(base, ends, input.shape, 3), createRuntime());
        expect(proof).toMatchObject({ splitMaxAbsDiff: 0, floatTop1Agreement: 1 });
        const mapping = Array.from({ length: wanted ?? 0 }, (_, index) => (index < classifier.classes ? index : null));
        const tail = wanted === null ? classifier.tail : withClasses(classifier.tail, mapping);
        expect(tail.parameters.map((each) => each.name).join(' ')).toBe(parameters);
        const trained = new Map(
          [...weightsOf(tail)].map(([each, old]) => [
            each,
            { ...old, data: (old.data as Float32Array).map((number) => 1.3 * number + 0.1 * (random() - 0.5)) },
          ]),
        );
        const rows = { features: noise(20, features.width).data as Float32Array, count: 20, width: features.width, shape: features.shape };
        const written = await writeBack(base, tail, trained, rows, { runtime: createRuntime(), fixedScales: false, isAware: true });
        const again = decodeModel(encodeModel(written));
        expect(again.graph.inputs).toEqual(base.graph.inputs);
        expect(again.graph.outputs[0]?.dtype).toBe(base.graph.outputs[0]?.dtype);
        const [x] = proofInputs(base, ends, input.shape, 1) as readonly [Tensor];
        const seen = await output(classifier.backbone, input.name, x, features.name);
        const float = await output(
          withWeights(tail, trained).model,
          tail.input,
          { dtype: 'float32', dims: features.shape, data: seen },
          tail.output,
        );
        const file = classScores(await output(again, input.name, x, 'y'));
        expect(file).toHaveLength(wanted ?? classifier.classes);
        for (const [at, expected] of float.entries()) expect(file[at]).toBeCloseTo(expected, 2);
      });
    }
  }

  it('each compiles to a training step that the runtime opens', async () => {
    for (const [, base] of cases) {
      const { tail, classes } = await openClassifier(base, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
      const step = compileStep(tail, { batch: 4, loss: plainLoss(classes), optimizer: adamW });
      expect(step.parameters.map((each) => each.name).sort()).toEqual(tail.parameters.map((each) => each.name).sort());
      await (await openSession(encodeModel(step.model), { label: 'the step' })).close();
    }
  });

  it('what did not change goes back to the byte', async () => {
    for (const [, base] of cases) {
      const { tail, features } = await openClassifier(base, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
      const rows = { features: noise(4, features.width).data as Float32Array, count: 4, width: features.width, shape: features.shape };
      const written = await writeBack(base, tail, weightsOf(tail), rows, { runtime: createRuntime(), fixedScales: false, isAware: false });
      expect(Buffer.from(encodeModel(written)).equals(encodeModel(base))).toBe(true);
    }
  });

  it('one number without a sigmoid is no classifier, and it is said what it is', async () => {
    const base = dense(
      gemm,
      [
        ['w', noise(5, 1)],
        ['b', noise(1)],
      ],
      { output: ['batch', 1] },
    );
    await expect(openClassifier(base, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() })).rejects.toMatchObject({
      code: 'model-unsupported',
      hint: expect.stringContaining('--task regression'),
    });
  });

  it('a cut at the input puts every layer into the tail; cuts that work are named', async () => {
    const base = dense(gemm, [
      ['w', noise(5, 3)],
      ['b', noise(3)],
    ]);
    const classifier = await openClassifier(base, { cut: { kind: 'layers', layers: 2 }, runtime: createRuntime() });
    expect(classifier.cut).toMatchObject({ tensor: 'x', note: null });
    expect(classifier.tail.parameters).toHaveLength(4);
    await expect(
      prove(base, classifier.cut, proofInputs(base, base.graph.inputs[0] as ValueInfo, [1, 6], 2), createRuntime()),
    ).resolves.toMatchObject({
      proof: { splitMaxAbsDiff: 0 },
    });
    await expect(openClassifier(base, { cut: { kind: 'tensor', tensor: 'nonsense' }, runtime: createRuntime() })).rejects.toMatchObject({
      hint: 'Tensors that work, the last ones first: h, h0, x',
    });
  });
});
