import { describe, expect, it } from 'vitest';
import { requireBounded } from '../../agent/model/bounds.ts';
import type { Graph, Model, Node, Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../agent/onnx/made/build.ts';
import { floatClassifier } from '../models.ts';

const made = (nodes: readonly Node[], initializers: Readonly<Record<string, Tensor>> = {}): Model =>
  model(
    graph('bomb', { nodes, inputs: [value('x', ['n', 4])], outputs: [value('y', ['n', 4])], initializers: Object.entries(initializers) }),
  );
const refusal = (built: Model, shape: readonly number[] = [1, 4]) => {
  try {
    requireBounded(built, value('x', shape), shape);
  } catch (error) {
    expect(error).toMatchObject({ code: 'model-unsupported', hint: expect.any(String) });
    return (error as Error).message;
  }
  return 'taken';
};
const plus = (big: string) => node('Add', ['x', big], ['y']);

describe('a model that asks for more than a small machine has', () => {
  it('is refused by the node that does, whatever the operator', () => {
    const dims = ints([20_000, 20_000]);
    const bombs: readonly (readonly [string, Node, Readonly<Record<string, Tensor>>])[] = [
      ['ConstantOfShape', node('ConstantOfShape', ['d'], ['big']), { d: dims }],
      ['Expand', node('Expand', ['x', 'd'], ['big']), { d: ints([30_000, 30_000, 1, 4]) }],
      ['Tile', node('Tile', ['x', 'd'], ['big']), { d: ints([1, 2 ** 30]) }],
      ['Range', node('Range', ['a', 'b', 'c'], ['big']), { a: floats([], 0), b: floats([], 1e9), c: floats([], 1) }],
      ['RandomNormal', node('RandomNormal', [], ['big'], { shape: [50_000, 50_000] }), {}],
    ];
    for (const [op, bomb, constants] of bombs)
      expect(refusal(made([bomb, plus('big')], constants))).toMatch(new RegExp(`\\(${op}\\) gives \\[`));
  });

  it('is refused also where the size is computed, or stands in a body', () => {
    const chain = [
      node('Concat', ['half', 'half'], ['d'], { axis: 0 }),
      node('Mul', ['d', 'two'], ['e']),
      node('ConstantOfShape', ['e'], ['big']),
      plus('big'),
    ];
    expect(refusal(made(chain, { half: ints([10_000]), two: ints([2, 2]) }))).toContain('[20000, 20000]');
    const body: Graph = graph('then', {
      nodes: [node('ConstantOfShape', ['d'], ['inner'])],
      inputs: [],
      outputs: [value('inner', null)],
      initializers: [['d', ints([2 ** 31])]],
    });
    const branch = node('If', ['yes'], ['big'], { then_branch: body, else_branch: body });
    expect(refusal(made([branch, plus('big')], { yes: { dtype: 'bool', dims: [], data: Uint8Array.of(1) } }))).toContain('ConstantOfShape');
  });

  it('is refused for many constants that are each small enough', () => {
    const nodes = Array.from({ length: 12 }, (_, at) => node('ConstantOfShape', ['d'], [`c${at}`]));
    expect(refusal(made([...nodes, plus('c0')], { d: ints([2500, 2500]) }))).toContain('of constants alone');
  });

  it('is refused for its input and for the number of its nodes', () => {
    expect(refusal(made([plus('x')]), [1, 300_000_000])).toContain("input 'x' takes [1, 300000000]");
    expect(refusal(made([plus('x')]), [1, 2 ** 40])).toContain("input 'x'");
    const line = Array.from({ length: 20_001 }, (_, at) => node('Identity', [at === 0 ? 'x' : `i${at - 1}`], [`i${at}`]));
    expect(refusal(made(line))).toContain('20001 nodes');
  });

  it('is not what an ordinary model does', () => {
    expect(refusal(made([plus('x')]), [1, 4])).toBe('taken');
    expect(refusal(floatClassifier({ kind: 'conv', opset: 17 }), [1, 3, 8, 8])).toBe('taken');
    expect(refusal(made([plus('x')]), [1, 3, 2160, 3840])).toBe('taken');
  });
});
