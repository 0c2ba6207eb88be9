import { describe, expect, it } from 'vitest';
import { createEmbedder } from '../../../agent/model/embed.ts';
import { openClassifier } from '../../../agent/model/open.ts';
import { openPart } from '../../../agent/model/part.ts';
import { measureRanges } from '../../../agent/model/ranges.ts';
import { decodeModel } from '../../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { dequantizeTail } from '../../../agent/onnx/forms/dequantize.ts';
import { requantize } from '../../../agent/onnx/forms/requantize.ts';
import type { Model, Node, Tensor } from '../../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../../agent/onnx/made/build.ts';
import { withClasses } from '../../../agent/onnx/surgery/classes.ts';
import { findCut } from '../../../agent/onnx/surgery/cut.ts';
import { splitModel } from '../../../agent/onnx/surgery/split.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { forms, modelOf } from '../../forms.ts';
import { sampleInputs } from '../../models.ts';

/** Row 2, a new class, row 0: fewer classes than before, in another order. */
const mapping = [2, null, 0];

async function run(whole: Model, x: Tensor): Promise<Float32Array> {
  await using part = await openPart(createRuntime(), whole, { label: 'model' });
  return (await part.session.run({ x })).y?.data as Float32Array;
}

describe('withClasses', () => {
  it.each(forms([13]))('rows are kept, moved and added, and the whole model follows: $title', async (form) => {
    const base = await modelOf(form);
    const opened = await openClassifier(base, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
    const { features } = opened;
    const changed = withClasses(opened.tail, mapping);
    expect(changed.head?.classes).toBe(3);
    const xs = sampleInputs(form.wish, 5, 31);
    await using embedder = await createEmbedder(opened, createRuntime());
    const rows = new Float32Array(xs.length * features.width);
    for (const [at, x] of xs.entries()) rows.set(await embedder.embed(x.data as Float32Array), at * features.width);
    const ranges = await measureRanges(
      changed,
      new Map(),
      { features: rows, count: xs.length, width: features.width },
      features.shape,
      createRuntime(),
    );
    const artifact = decodeModel(encodeModel(requantize(base, changed, new Map(), { ranges })));
    expect(artifact.graph.outputs[0]?.shape?.at(-1)).toBe(3);
    for (const x of xs) {
      const before = await run(base, x);
      const after = await run(artifact, x);
      expect(after).toHaveLength(3);
      if (form.wish.softmax !== true) {
        // Weights went through one more rounding, of 1/127 of the largest weight.
        expect(after[0]).toBeCloseTo(before[2] as number, 1);
        expect(after[1]).toBeCloseTo(0, 1);
        expect(after[2]).toBeCloseTo(before[0] as number, 1);
      } else expect((after[0] as number) / (after[2] as number) / ((before[2] as number) / (before[0] as number))).toBeCloseTo(1, 0);
    }
  });

  it.each(forms([13], ['mlp']))('more classes than before: $title', async (form) => {
    const base = await modelOf(form);
    const { tail } = await openClassifier(base, { cut: { kind: 'layers', layers: 2 }, runtime: createRuntime() });
    const changed = withClasses(tail, [0, 1, 2, 3, 4, null, null]);
    const artifact = requantize(base, changed, new Map(), { ranges: new Map() });
    const [x] = sampleInputs(form.wish, 1);
    const after = await run(artifact, x as Tensor);
    expect(after).toHaveLength(7);
    expect(after.slice(0, 5).indexOf(Math.max(...after.slice(0, 5)))).toBe(
      (await run(base, x as Tensor)).indexOf(Math.max(...(await run(base, x as Tensor)))),
    );
  });

  /** h → MatMul with 3 classes → the given nodes → y. */
  const ending = (nodes: readonly Node[], more: readonly (readonly [string, Tensor])[] = []) =>
    model(
      graph('g', {
        inputs: [value('x', ['n', 4])],
        outputs: [value('y', ['n', 3])],
        nodes: [node('Relu', ['x'], ['h']), node('MatMul', ['h', 'w'], ['m']), ...nodes],
        initializers: [['w', floats([4, 3], 0.5)], ...more],
      }),
    );
  const tailOf = (whole: Model) => dequantizeTail(splitModel(whole, findCut(whole, { kind: 'layers', layers: 1 })).tail);

  it('rewrites a Reshape behind the head', async () => {
    const base = ending([node('Reshape', ['m', 'shape'], ['y'])], [['shape', ints([-1, 3])]]);
    const tail = withClasses(tailOf(base), [2, 0, null, 1]);
    expect(tail.head).toMatchObject({ classes: 4 });
    const written = requantize(base, tail, new Map(), { ranges: new Map() });
    expect(written.graph.initializers.get('shape')?.data).toEqual(BigInt64Array.of(-1n, 4n));
  });

  it('refuses what is made for the old number of classes', () => {
    const base = ending(
      [node('Softmax', ['m'], ['s'], { axis: -1 }), node('Mul', ['s', 'priors'], ['y'], {}, { name: 'priors' })],
      [['priors', floats([3], [0.2, 0.3, 0.5])]],
    );
    const tail = { ...tailOf(base), head: tailOf(ending([node('Identity', ['m'], ['y'])])).head };
    expect(() => withClasses(tail, [0])).toThrow(
      expect.objectContaining({ code: 'model-unsupported', message: expect.stringContaining("Mul 'priors'") }),
    );
  });

  it('refuses a mapping to rows that are not there', () => {
    const tail = tailOf(ending([node('Identity', ['m'], ['y'])]));
    expect(() => withClasses(tail, [3])).toThrow(/rows 0 to 2/);
    expect(() => withClasses(tail, [])).toThrow(/rows 0 to 2/);
  });
});
