// The walker: accumulation, paths, several outputs, shape arithmetic of exporters, and what it refuses.
import { describe, expect, it } from 'vitest';
import { Draft } from '../../agent/autodiff/draft.ts';
import { mergeFamilies } from '../../agent/autodiff/families.ts';
import { gradientRules } from '../../agent/autodiff/operators.ts';
import { backward } from '../../agent/autodiff/walk.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Node, Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../agent/onnx/made/build.ts';
import { openSession } from '../../agent/runtime/session.ts';

/** Runs the gradients of the last node's first output (seeded with ones) with respect to the inputs. */
async function gradientsOf(
  inputs: Readonly<Record<string, Tensor>>,
  nodes: readonly Node[],
  y: string,
  constants: Record<string, Tensor> = {},
) {
  const c = new Draft({ prefix: 'g/' });
  for (const [name, tensor] of Object.entries(inputs)) c.declare(name, tensor.dims);
  for (const [name, tensor] of Object.entries(constants)) c.constant(name, tensor);
  for (const each of nodes) c.add(each);
  const seed = c.emit('Expand', [1, c.ints(c.shape(y))]);
  const gradients = backward(c, c.nodes.slice(), new Map([[y, seed]]), Object.keys(inputs));
  const outputs = [...gradients].filter(([, dx]) => dx !== null).map(([, dx]) => dx as string);
  const body = graph('g', {
    inputs: Object.entries(inputs).map(([name, tensor]) => value(name, tensor.dims)),
    outputs: outputs.map((name) => value(name, null)),
    ...c.finish(outputs),
  });
  await using session = await openSession(encodeModel(model(body)), { label: 'test' });
  const found = await session.run(inputs);
  return Object.fromEntries([...gradients].map(([name, dx]) => [name, dx === null ? null : Array.from(found[dx]?.data as Float32Array)]));
}

describe('the backward walk', () => {
  it('adds up gradients of a value that is used twice, also within one node', async () => {
    // y = x·x + 3x, dy/dx = 2x + 3
    const nodes = [node('Mul', ['x', 'x'], ['a']), node('Mul', ['x', 'three'], ['b']), node('Add', ['a', 'b'], ['y'])];
    expect(await gradientsOf({ x: floats([2], [1, -2]) }, nodes, 'y', { three: floats([], [3]) })).toEqual({ x: [5, -1] });
  });

  it('joins the gradients of several outputs, with zeros for one that nothing depends on', async () => {
    const nodes = [node('Split', ['x', 'sizes'], ['a', 'b', 'c']), node('Mul', ['a', 'c'], ['y'])];
    const constants = { sizes: ints([1, 1, 1]) };
    expect(await gradientsOf({ x: floats([3], [2, 5, 7]) }, nodes, 'y', constants)).toEqual({ x: [7, 0, 2] });
  });

  it('gives null where nothing depends on the value', async () => {
    const nodes = [node('Neg', ['x'], ['y'])];
    expect(await gradientsOf({ x: floats([1], [1]), w: floats([1], [1]) }, nodes, 'y')).toEqual({ x: [-1], w: null });
  });

  it('sees through the shape arithmetic that exporters put before a Reshape', async () => {
    const nodes = [
      node('Shape', ['x'], ['shape']),
      node('Gather', ['shape', 'zero'], ['n']),
      node('Unsqueeze', ['n', 'axes'], ['n1']),
      node('Concat', ['n1', 'rest'], ['target'], { axis: 0 }),
      node('Reshape', ['x', 'target'], ['flat']),
      node('MatMul', ['flat', 'w'], ['y']),
    ];
    const constants = { zero: ints([0], []), axes: ints([0]), rest: ints([-1]) };
    const found = await gradientsOf({ x: floats([1, 2, 1], [1, 2]), w: floats([2, 1], [3, 4]) }, nodes, 'y', constants);
    expect(found).toEqual({ x: [3, 4], w: [1, 2] });
  });

  it('does not ask for rules off the path to what is trained', () => {
    // Hardmax has no rule, but only a value that is not trained goes through it.
    const c = new Draft();
    c.declare('x', [2]);
    c.declare('k', [2]);
    c.add(node('Hardmax', ['k'], ['h']));
    c.declare('h', [2]);
    c.add(node('Mul', ['x', 'h'], ['y']));
    expect(backward(c, c.nodes.slice(), new Map([['y', c.declare('dy', [2])]]), ['x']).get('x')).toBeTypeOf('string');
  });

  it('names operator and node where a rule is missing', () => {
    const c = new Draft();
    c.declare('x', [2]);
    c.add(node('Hardmax', ['x'], ['y'], {}, { name: 'choice' }));
    c.declare('y', [2]);
    const walk = () => backward(c, c.nodes.slice(), new Map([['y', 'dy']]), ['x']);
    expect(walk).toThrow(expect.objectContaining({ code: 'operator-unsupported', message: expect.stringMatching(/'Hardmax'.*'choice'/) }));
  });

  it('names the node that it does not know, not one that only follows from it', () => {
    const c = new Draft();
    c.declare('x', [2, 3]);
    c.add(node('NonZero', ['x'], ['found'], {}, { name: 'the finder' }));
    c.add(node('Transpose', ['found'], ['turned'], {}, { name: 'the turner' }));
    c.add(node('Relu', ['turned'], ['y'], {}, { name: 'the last' }));
    expect(() => c.shape('y')).toThrow(
      expect.objectContaining({ code: 'operator-unsupported', message: expect.stringMatching(/'NonZero' of node 'the finder'/) }),
    );
  });

  it.each([
    ['too many steps', [600, 1, 1], {}, [], /has 600 steps, and at most 512/],
    ['cells that are clipped', [2, 1, 1], { clip: { kind: 'float', value: 3 } }, [], /clips its cells/],
    ['an activation with parameters', [2, 1, 1], { activations: ['Sigmoid', 'Elu', 'Tanh'] }, [], /'Elu'/],
    ['too few activations', [2, 1, 1], { activations: ['Sigmoid'] }, [], /has 1 activations, not 3/],
    ['a length for every sample', [2, 1, 1], {}, ['', 'lengths'], /a length for every sample/],
  ] as const)('refuses a recurrent layer with %s, and says what to do', (_what, dims, attributes, more, message) => {
    const c = new Draft();
    c.declare('x', dims);
    c.declare('lengths', [1], 'int32');
    for (const name of ['w', 'r']) c.declare(name, [1, 4, 1]);
    const add = () => c.add(node('LSTM', ['x', 'w', 'r', ...more], ['y'], { hidden_size: 1, ...attributes }, { name: 'the memory' }));
    expect(add).toThrow(
      expect.objectContaining({
        code: 'operator-unsupported',
        message: expect.stringMatching(/'the memory'/),
        hint: expect.stringMatching(/Cut behind/),
      }),
    );
    expect(add).toThrow(message);
  });

  it('says so where a shape comes from data', () => {
    const c = new Draft();
    c.declare('x', [2, 3]);
    c.declare('target', [2], 'int64');
    c.add(node('Reshape', ['x', 'target'], ['r'], {}, { name: 'the reshape' }));
    c.add(node('Relu', ['r'], ['y']));
    expect(() => c.shape('y')).toThrow(
      expect.objectContaining({
        code: 'operator-unsupported',
        message: expect.stringMatching(/shape of the result of node 'the reshape' \(Reshape\)/),
      }),
    );
  });

  it('sees through shape arithmetic of any rank: the borders of a padded axis, as PyTorch writes them', () => {
    const c = new Draft();
    c.declare('x', [2, 3, 4]);
    c.constant('pairs', ints([1, 2, 0, 1, 0, 0], [3, 2]));
    c.constant('minus', ints([-1]));
    c.constant('low', ints([-(2 ** 31)]));
    c.constant('zero', ints([0]));
    c.add(node('Slice', ['pairs', 'minus', 'low', 'zero', 'minus'], ['reversed']));
    c.add(node('Transpose', ['reversed'], ['turned'], { perm: [1, 0] }));
    c.add(node('Reshape', ['turned', 'minus'], ['pads']));
    c.add(node('Pad', ['x', 'pads'], ['y']));
    expect(c.knownInts('pads')).toEqual([0, 0, 1, 0, 1, 2]);
    expect(c.shape('y')).toEqual([2, 4, 7]);
  });

  it('holds every rule to one gradient per input', () => {
    const c = new Draft();
    c.declare('x', [2]);
    c.declare('w', [2]);
    c.add(node('Add', ['x', 'w'], ['y']));
    const rules = new Map([...gradientRules, ['Add', (_c: Draft, _node: Node, dy: string) => [dy]] as const]);
    expect(() => backward(c, c.nodes.slice(), new Map([['y', 'dy']]), ['x'], rules)).toThrow(/1 gradients for 2 inputs/);
  });

  it('refuses two families that claim one operator', () => {
    expect(() => mergeFamilies('rules', [{ Relu: 1 }, { Relu: 2 }])).toThrow(/'Relu'/);
  });
});
