import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openPart } from '../../agent/model/part.ts';
import { extract, reads, sorted } from '../../agent/onnx/graph.ts';
import type { Model, Node, Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, model, node, value } from '../../agent/onnx/made/build.ts';
import { type Cut, findCut, listCandidates } from '../../agent/onnx/surgery/cut.ts';
import { splitModel } from '../../agent/onnx/surgery/split.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const width = 3;

/** A random graph of unary and binary operators over [1, 3] tensors, listed in a random order; the last tensor made is the output. */
const graphs = fc
  .array(fc.tuple(fc.constantFrom('Relu', 'Tanh', 'Add', 'Mul', 'MatMul'), fc.nat(), fc.nat()), { minLength: 1, maxLength: 14 })
  .chain((steps) => {
    const names = ['x'];
    const nodes: Node[] = steps.map(([op, a, b], at) => {
      const pick = (seed: number) => names[seed % names.length] as string;
      const inputs = op === 'MatMul' ? [pick(a), 'w'] : op === 'Add' || op === 'Mul' ? [pick(a), pick(b)] : [pick(a)];
      names.push(`t${at}`);
      return node(op, inputs, [`t${at}`], {}, { name: `n${at}` });
    });
    const body = (order: readonly Node[]): Model =>
      model(
        graph('random', {
          inputs: [value('x', ['n', width])],
          outputs: [value(`t${steps.length - 1}`, ['n', width])],
          nodes: order,
          initializers: [['w', floats([width, width], [0.3, -0.5, 0.2, 0.7, 0.1, -0.4, -0.6, 0.8, 0.5])]],
        }),
      );
    return fc.shuffledSubarray(nodes, { minLength: nodes.length }).map(body);
  });

const x: Tensor = floats([1, width], [0.9, -1.3, 0.4]);

async function run(part: Model, name: string, input: Tensor, output: string): Promise<Tensor> {
  await using opened = await openPart(createRuntime(), part, { label: 'part', optimization: 'disabled' });
  return (await opened.session.run({ [name]: input }))[output] as Tensor;
}

/** Independent of the liveness walk: a tensor separates where the output cannot be reached once it is taken away. */
function separates(whole: Model, tensor: string): boolean {
  const [output = ''] = whole.graph.outputs.map(({ name }) => name);
  const reachable = new Set(tensor === 'x' ? [] : ['x']);
  for (const step of sorted(whole.graph)) {
    if (!reads(step).some((name) => reachable.has(name))) continue;
    for (const name of step.outputs) if (name !== tensor) reachable.add(name);
  }
  return !reachable.has(output);
}

describe('random graphs', () => {
  it('sorting puts every node behind what it reads', () => {
    fc.assert(
      fc.property(graphs, ({ graph: body }) => {
        const known = new Set(['x', 'w']);
        for (const step of sorted(body)) {
          expect(reads(step).every((name) => known.has(name))).toBe(true);
          for (const name of step.outputs) known.add(name);
        }
        expect(sorted(body)).toHaveLength(body.nodes.length);
      }),
    );
  });

  it('the candidates are exactly the tensors without which the output cannot be reached', () => {
    fc.assert(
      fc.property(graphs, (whole) => {
        const wanted = ['x', ...whole.graph.nodes.flatMap((step) => step.outputs)].filter((name) => separates(whole, name));
        expect(new Set(listCandidates(whole.graph).map(({ tensor }) => tensor))).toEqual(new Set(wanted));
      }),
      { numRuns: 300 },
    );
  });

  it('tail(backbone(x)) is model(x), to the bit, at every candidate', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, async (whole) => {
        const [output = ''] = whole.graph.outputs.map(({ name }) => name);
        const expected = await run(whole, 'x', x, output);
        for (const { tensor } of listCandidates(whole.graph)) {
          if (tensor === 'x' || tensor === output) continue;
          const cut: Cut = { tensor, layers: [], note: null };
          const { backbone, tail, features } = splitModel(whole, cut);
          expect(backbone.graph.nodes.length + tail.graph.nodes.length).toBeLessThanOrEqual(whole.graph.nodes.length);
          const middle = await run(backbone, 'x', x, features);
          expect((await run(tail, features, middle, output)).data).toEqual(expected.data);
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe('extract', () => {
  it('keeps what the body of an If captures from outside', async () => {
    const branch = (name: string, op: string) =>
      graph(name, { inputs: [], outputs: [value(`${name}_y`, ['n', width])], nodes: [node(op, ['h'], [`${name}_y`])] });
    const whole = model(
      graph('g', {
        inputs: [value('x', ['n', width])],
        outputs: [value('y', ['n', width])],
        nodes: [
          node('Relu', ['x'], ['h']),
          node('If', ['yes'], ['c'], { then_branch: branch('then', 'Exp'), else_branch: branch('else', 'Neg') }),
          node('MatMul', ['c', 'w'], ['y']),
        ],
        initializers: [
          ['yes', { dtype: 'bool', dims: [], data: Uint8Array.of(1) }],
          ['w', floats([width, width], 0.5)],
          ['unused', floats([1], 0)],
        ],
      }),
    );
    expect(listCandidates(whole.graph).map(({ tensor }) => tensor)).toEqual(['x', 'h', 'c', 'y']);
    const backbone = extract(whole, [value('x', ['n', width])], [value('c', null)]);
    expect(backbone.graph.nodes.map(({ op }) => op)).toEqual(['Relu', 'If']);
    expect([...backbone.graph.initializers.keys()]).toEqual(['yes']);
    const middle = await run(backbone, 'x', x, 'c');
    const { tail } = splitModel(whole, findCut(whole, { kind: 'layers', layers: 1 }));
    expect((await run(tail, 'c', middle, 'y')).data).toEqual((await run(whole, 'x', x, 'y')).data);
  });

  it('refuses outputs that need an input which is not given', () => {
    const whole = model(
      graph('g', { inputs: [value('x', [1]), value('z', [1])], outputs: [value('y', [1])], nodes: [node('Add', ['x', 'z'], ['y'])] }),
    );
    expect(() => extract(whole, [value('x', [1])], [value('y', [1])])).toThrow(/also depends on the model's input 'z'/);
  });

  it('refuses a cycle, and survives a very deep graph', () => {
    const loop = [node('Relu', ['b'], ['a'], {}, { name: 'one' }), node('Relu', ['a'], ['b'], {}, { name: 'two' })];
    expect(() => sorted(graph('g', { inputs: [], outputs: [], nodes: loop }))).toThrow(
      expect.objectContaining({ code: 'model-unreadable' }),
    );
    const deep = Array.from({ length: 50_000 }, (_, at) => node('Relu', [at === 0 ? 'x' : `t${at - 1}`], [`t${at}`])).reverse();
    expect(sorted(graph('g', { inputs: [value('x', [1])], outputs: [], nodes: deep }))[0]?.outputs).toEqual(['t0']);
  });
});
