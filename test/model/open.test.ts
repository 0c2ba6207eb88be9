import { describe, expect, it } from 'vitest';
import { openTail, toProbabilities } from '../../agent/model/classify.ts';
import { createEmbedder } from '../../agent/model/embed.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { openPart } from '../../agent/model/part.ts';
import { prove } from '../../agent/model/proof.ts';
import type { Dim, Model, Node, Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../agent/onnx/made/build.ts';
import { findCut } from '../../agent/onnx/surgery/cut.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { calibrationInputs, forms, modelOf } from '../forms.ts';
import { floatClassifier, sampleInputs } from '../models.ts';

const one = { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() } as const;

describe('a model, opened', () => {
  it.each(forms([13]))('backbone and tail at work give what the model gives: $title', async (form) => {
    const whole = await modelOf(form);
    const opened = await openClassifier(whole, one);
    expect(opened).toMatchObject({ classes: 5, input: { name: 'x', shape: form.wish.kind === 'mlp' ? [1, 12] : [1, 3, 8, 8] } });
    expect(opened.features.width).toBe(form.wish.kind === 'mlp' ? 10 : 8);
    expect(opened.backboneHash).toMatch(/^[0-9a-f]{64}$/);
    await using embedder = await createEmbedder(opened, createRuntime());
    const { cut, features, tail } = opened;
    await using runner = await openTail(whole, { cut: cut.tensor, features, activation: tail.activation, runtime: createRuntime() });
    await using part = await openPart(createRuntime(), whole, { label: 'whole' });
    for (const x of sampleInputs(form.wish, 5)) {
      const expected = (await part.session.run({ x })).y?.data as Float32Array;
      const { output, probabilities } = await runner.classify(await embedder.embed(x.data as Float32Array));
      for (const [at, number] of output.entries()) expect(number).toBeCloseTo(expected[at] as number, 1);
      expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 1);
    }
  });

  it('the backbone stays what it is when the tail is another', async () => {
    const whole = floatClassifier({ kind: 'mlp', opset: 13 });
    const initializers = new Map(whole.graph.initializers).set('b3', floats([5], 7));
    const other = { ...whole, graph: { ...whole.graph, initializers } };
    expect((await openClassifier(other, one)).backboneHash).toBe((await openClassifier(whole, one)).backboneHash);
    const moved = { ...whole, graph: { ...whole.graph, initializers: new Map(whole.graph.initializers).set('b1', floats([16], 7)) } };
    expect((await openClassifier(moved, one)).backboneHash).not.toBe((await openClassifier(whole, one)).backboneHash);
  });
});

it('an operator that gives as much as it finds in a sample is named, where the model does not take every size', async () => {
  const nodes = [
    node('MatMul', ['x', 'v'], ['h']),
    node('Unique', ['h'], ['u'], { axis: 1 }, { name: 'different ones' }),
    node('Gemm', ['u', 'w'], ['y']),
  ];
  // Columns 1 and 2 of h are the same, and w has a row for each of the three.
  const initializers = Object.entries({ v: floats([2, 3], [1, 1, 2, 1, 1, 3]), w: floats([3, 2], 0.5) });
  const whole = model(graph('g', { inputs: [value('x', [1, 2])], outputs: [value('y', [1, 2])], nodes, initializers }));
  await expect(openClassifier(whole, { cut: { kind: 'layers', layers: 2 }, runtime: createRuntime() })).rejects.toMatchObject({
    code: 'operator-unsupported',
    message: expect.stringContaining("Unique 'different ones' gives as much as it finds"),
  });
});

describe('what is not a classifier is refused in a sentence that says so', () => {
  const refused = (message: RegExp) =>
    expect.objectContaining({ code: 'model-unsupported', message: expect.stringMatching(message), hint: expect.stringMatching(/./) });
  const make = (
    input: readonly Dim[] | null,
    output: readonly Dim[] | null,
    nodes: readonly Node[],
    more: Partial<Model['graph']> = {},
  ): Model =>
    model({
      ...graph('g', {
        inputs: [value('x', input)],
        outputs: [value('y', output)],
        nodes,
        initializers: [
          ['w', floats([4, 3], 0.5)],
          ['four', ints([-1, 4])],
        ],
      }),
      ...more,
    });
  const linear = [node('Relu', ['x'], ['h']), node('MatMul', ['h', 'w'], ['y'])];

  it.each([
    ['two inputs', make(['n', 4], ['n', 3], linear, { inputs: [value('x', ['n', 4]), value('z', [1])] }), /2 inputs \(x, z\)/],
    ['two outputs', make(['n', 4], ['n', 3], linear, { outputs: [value('y', ['n', 3]), value('h', ['n', 4])] }), /2 outputs/],
    ['a detector', make(['n', 4], ['n', 3], [...linear, node('NonMaxSuppression', ['h', 'y'], ['boxes'])]), /detection model/],
    ['an image as output', make(['n', 4], ['n', 3, 8, 8], linear), /4 dimensions/],
    ['text as input', make(['n', 4], ['n', 3], linear, { inputs: [value('x', ['n', 4], 'int64')] }), /takes int64/],
    ['a free width', make(['n', 'width'], ['n', 3], linear), /only the batch may be free/],
    ['no shape at all', make(null, ['n', 3], linear), /only the batch may be free/],
    ['a fixed batch of 8', make([8, 4], [8, 3], linear), /exactly 8 samples/],
    ['no weights', make(['n', 4], ['n', 4], [node('Relu', ['x'], ['y'])]), /no layer with weights/],
    ['one output number', make(['n', 4], ['n', 1], linear, { initializers: new Map([['w', floats([4, 1], 1)]]) }), /not \[1, classes\]/],
  ])('%s', async (_what, whole, message) => {
    await expect(openClassifier(whole, one)).rejects.toThrow(refused(message));
  });

  it('a free width is filled by the model card, which must agree with what is fixed', async () => {
    expect((await openClassifier(make(['n', 'width'], ['n', 3], linear), { ...one, inputShape: [1, 4] })).input.shape).toEqual([1, 4]);
    await expect(openClassifier(make(['n', 4], ['n', 3], linear), { ...one, inputShape: [1, 5] })).rejects.toThrow(
      refused(/the model card makes \[1, 5\]/),
    );
  });

  it('a cut that would leave no backbone', async () => {
    await expect(openClassifier(make(['n', 4], ['n', 3], [node('MatMul', ['x', 'w'], ['y'])]), one)).rejects.toThrow(
      expect.objectContaining({ code: 'cut-impossible' }),
    );
  });
});

describe('prove', () => {
  it('says which tail takes only one sample at a time', async () => {
    const fixed = model(
      graph('g', {
        inputs: [value('x', ['n', 4])],
        outputs: [value('y', ['n', 3])],
        nodes: [node('Relu', ['x'], ['h']), node('Concat', ['h', 'one'], ['c'], { axis: 1 }), node('MatMul', ['c', 'w'], ['y'])],
        initializers: [
          ['one', floats([1, 4], 1)],
          ['w', floats([8, 3], 0.1)],
        ],
      }),
    );
    const inputs: readonly Tensor[] = [floats([1, 4], [1, 2, 3, 4])];
    const cut = findCut(fixed, { kind: 'tensor', tensor: 'h' });
    await expect(prove(fixed, cut, inputs, createRuntime())).rejects.toThrow(/only one sample at a time/);
  });

  it('keeps the Relu that a quantizer had swallowed, where the cut lies before it', async () => {
    const form = forms([13], ['mlp']).find(({ quantizer }) => quantizer?.form === 'qdq')!;
    const whole = await modelOf(form);
    const cut = findCut(whole, { kind: 'tensor', tensor: 'r2' });
    const honest = await prove(whole, cut, calibrationInputs(form.wish), createRuntime());
    expect(honest.proof.floatTop1Agreement).toBeGreaterThan(0.95);
    expect(honest.tail.model.graph.nodes[0]?.op).toBe('Clip');
  });
});

describe('probabilities', () => {
  it('follow the activation that the model ends in', () => {
    const logits = Float32Array.of(1000, 1000, -1000);
    expect([...toProbabilities(logits, 'none')]).toEqual([0.5, 0.5, 0]);
    expect([...toProbabilities(Float32Array.of(Math.log(0.25), Math.log(0.75)), 'log-softmax')].map((p) => Math.round(p * 100))).toEqual([
      25, 75,
    ]);
    expect(toProbabilities(logits, 'softmax')).toBe(logits);
  });
});
