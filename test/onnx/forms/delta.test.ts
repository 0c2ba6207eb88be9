import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openClassifier } from '../../../agent/model/open.ts';
import { decodeModel } from '../../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { applyDelta, decodeDelta, encodeDelta, tailDelta } from '../../../agent/onnx/forms/delta.ts';
import { requantize } from '../../../agent/onnx/forms/requantize.ts';
import { withClasses } from '../../../agent/onnx/surgery/classes.ts';
import { weightsOf } from '../../../agent/onnx/weights.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { forms, modelOf } from '../../forms.ts';

describe('delta', () => {
  it.each(forms([13]))('base and delta rebuild the artifact to the byte: $title', async (form) => {
    const base = decodeModel(encodeModel(await modelOf(form)));
    const { tail } = await openClassifier(base, { cut: { kind: 'layers', layers: 2 }, runtime: createRuntime() });
    const mappings = fc.option(fc.array(fc.option(fc.nat(4)), { minLength: 1, maxLength: 8 }));
    fc.assert(
      fc.property(mappings, fc.double({ min: 0.5, max: 3, noNaN: true }), fc.boolean(), (mapping, factor, isCalibrated) => {
        const changed = mapping === null ? tail : withClasses(tail, mapping);
        const weights = new Map(
          [...weightsOf(changed)].map(([name, tensor]) => [
            name,
            { ...tensor, data: (tensor.data as Float32Array).map((w) => w * factor) },
          ]),
        );
        const ranges = new Map(isCalibrated ? changed.activations.map(({ tensor }, at) => [tensor, { min: -at, max: factor }]) : []);
        const artifact = requantize(base, changed, weights, { ranges });
        const wire = encodeDelta(tailDelta(base, artifact), { version: 'x' });
        const { metadata, ...delta } = decodeDelta(wire);
        expect(metadata).toEqual({ version: 'x' });
        expect(Buffer.compare(encodeModel(applyDelta(base, delta)), encodeModel(artifact))).toBe(0);
      }),
      { numRuns: 12 },
    );
  });

  it('of an unchanged model is empty', async () => {
    const base = await modelOf(forms([13], ['mlp'])[4]!);
    const delta = tailDelta(base, base);
    expect(delta.tensors.size).toBe(0);
    expect(delta.structure).toMatchObject({ removed: [], inputs: [], removedNodes: [], removedShapes: [] });
  });

  it('refuses to describe what it cannot', async () => {
    const base = await modelOf(forms([13], ['mlp'])[0]!);
    const other = { ...base, metadata: new Map([['changed', 'yes']]) };
    expect(() => tailDelta(base, other)).toThrow(expect.objectContaining({ code: 'internal' }));
  });

  it('refuses one that does not fit the base', async () => {
    const base = await modelOf(forms([13], ['mlp'])[0]!);
    const empty = tailDelta(base, base);
    const misfit = expect.objectContaining({ code: 'weights-corrupt' });
    expect(() => applyDelta(base, { ...empty, structure: { ...empty.structure, removed: ['nothing'] } })).toThrow(misfit);
    expect(() => applyDelta(base, { ...empty, structure: { ...empty.structure, inputs: [{ node: 'no', input: 0, name: 'w' }] } })).toThrow(
      misfit,
    );
    expect(() => decodeDelta(encodeDelta({ ...empty, structure: { ...empty.structure, removed: 7 as never } }))).toThrow(misfit);
  });
});
