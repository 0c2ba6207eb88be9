// Gradients where a formula alone would give 0/0 or 0·∞, and of outputs that are seldom read: single operators by hand or by finite differences.
import { describe, expect, it } from 'vitest';
import { Draft } from '../../agent/autodiff/draft.ts';
import { backward } from '../../agent/autodiff/walk.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Node, Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, model, node, value } from '../../agent/onnx/made/build.ts';
import { openSession } from '../../agent/runtime/session.ts';
import { Random } from './random.ts';

type Tensors = Readonly<Record<string, Tensor>>;

/** dx for every x, from dy/<name> for some of the node's outputs. */
async function gradients(each: Node, inputs: Tensors, dys: Tensors): Promise<Readonly<Record<string, readonly number[]>>> {
  const c = new Draft({ prefix: 'g/' });
  for (const [name, { dims }] of Object.entries(inputs)) c.declare(name, dims);
  c.add(each);
  const seeds = new Map(Object.entries(dys).map(([name, { dims }]) => [name, c.declare(`dy/${name}`, dims)]));
  const names = Object.keys(inputs);
  const found = backward(c, c.nodes.slice(), seeds, names);
  const outputs = names.map((name) => found.get(name) as string);
  const fed = { ...inputs, ...Object.fromEntries(Object.entries(dys).map(([name, tensor]) => [`dy/${name}`, tensor])) };
  const body = graph('gradient', {
    inputs: Object.entries(fed).map(([name, { dims }]) => value(name, dims)),
    outputs: [...new Set(outputs)].map((name) => value(name, null)),
    ...c.finish(outputs),
  });
  await using session = await openSession(encodeModel(model(body)), { label: 'the gradient' });
  const result = await session.run(fed);
  return Object.fromEntries(names.map((name, index) => [name, Array.from(result[outputs[index] as string]?.data as Float32Array)]));
}

describe('gradients at the edge of what is defined', () => {
  it.each([1, 2])('a row of zeros that is normalized by its norm (p = %i) has none, and the other rows have theirs', async (p) => {
    const each = node('LpNormalization', ['x'], ['y'], { axis: -1, p });
    const { x = [] } = await gradients(each, { x: floats([3, 2], [0, 0, 3, 4, 0, 0]) }, { y: floats([3, 2], [1, -2, 1, 0, 0, 0]) });
    expect([...x.slice(0, 2), ...x.slice(4)].map(Math.abs)).toEqual([0, 0, 0, 0]);
    const [first, second] = p === 2 ? [16 / 125, -12 / 125] : [4 / 49, -3 / 49];
    expect(x[2]).toBeCloseTo(first, 6);
    expect(x[3]).toBeCloseTo(second, 6);
  });

  it.each(['Softmax', 'LogSoftmax'])('%s of a row that is masked whole, where a choice puts zeros', async (op) => {
    // As exporters write attention: scores and mask, softmax, and zeros for rows that see nothing.
    const nodes = [
      node('Add', ['x', 'mask'], ['scores']),
      node(op, ['scores'], ['shares'], { axis: -1 }),
      node('Where', ['blind', 'zero', 'shares'], ['safe']),
      node('Transpose', ['safe'], ['z'], { perm: [1, 0] }),
    ];
    const c = new Draft({ prefix: 'g/' });
    c.declare('x', [2, 2]);
    const nothing = Number.NEGATIVE_INFINITY;
    c.constant('mask', floats([2, 2], [nothing, nothing, 0, 0]));
    c.constant('blind', { dtype: 'bool', dims: [2, 1], data: Uint8Array.of(1, 0) });
    c.constant('zero', floats([], 0));
    for (const each of nodes) c.add(each);
    const dx = backward(c, c.nodes.slice(), new Map([['z', c.declare('dz', [2, 2])]]), ['x']).get('x') as string;
    const inputs = [value('x', [2, 2]), value('dz', [2, 2])];
    const bytes = encodeModel(model(graph('g', { inputs, outputs: [value(dx, null)], ...c.finish([dx]) })));
    await using session = await openSession(bytes, { label: 'the gradient' });
    const found = await session.run({ x: floats([2, 2], [1, 2, 0.5, 0.5]), dz: floats([2, 2], [1, 1, 1, 3]) });
    // Equal shares, slopes 1 and 3: ½·(1 − 2) and ½·(3 − 2); of the logarithms 1 − ½·4 and 3 − ½·4.
    const step = op === 'Softmax' ? 0.5 : 1;
    expect(Array.from(found[dx]?.data as Float32Array)).toEqual([0, 0, expect.closeTo(-step, 6), expect.closeTo(step, 6)]);
  });

  it('an attention that computes in another float than training does is refused by name', () => {
    const c = new Draft();
    for (const name of ['q', 'k', 'v']) c.declare(name, [1, 1, 2, 4], 'float16');
    expect(() => c.add(node('Attention', ['q', 'k', 'v'], ['y'], {}, { name: 'small' }))).toThrow(
      /'small' \(Attention\) computes in float16/,
    );
  });

  it('powers of zero', async () => {
    const inputs = { x: floats([5], [0, 0, 0, 2, 2]), w: floats([5], [0, 1, 2, 0, 3]) };
    const { x, w } = await gradients(node('Pow', ['x', 'w'], ['y']), inputs, { y: floats([5], 1) });
    expect(x).toEqual([0, 1, 0, 0, 12]);
    expect(w?.slice(0, 3)).toEqual([0, 0, 0]);
    expect(w?.slice(3)).toEqual([Math.fround(Math.log(2)), expect.closeTo(8 * Math.log(2), 5)]);
  });
});

describe('gradients of further outputs', () => {
  it('of LayerNormalization, its mean and its inverse deviation among them', async () => {
    const r = new Random(5);
    const random = (dims: readonly number[], count: number) =>
      floats(
        dims,
        Array.from({ length: count }, () => 2 * r.next() - 1),
      );
    const each = node('LayerNormalization', ['x', 'w', 'b'], ['y', 'mean', 'inverse'], { axis: 1 });
    const inputs: Tensors = { x: random([2, 2, 3], 12), w: random([2, 3], 6), b: random([2, 3], 6) };
    const dys: Tensors = { y: random([2, 2, 3], 12), mean: random([2, 1, 1], 2), inverse: random([2, 1, 1], 2) };
    const body = graph('forward', {
      inputs: Object.entries(inputs).map(([name, { dims }]) => value(name, dims)),
      outputs: Object.keys(dys).map((name) => value(name, null)),
      nodes: [each],
    });
    await using session = await openSession(encodeModel(model(body)), { label: 'the forward pass' });
    const weighted = async (x: Float32Array) => {
      const found = await session.run({ ...inputs, x: { ...(inputs.x as Tensor), data: x } as Tensor });
      const sums = Object.entries(dys).map(([name, dy]) =>
        Array.from(dy.data as Float32Array).reduce((sum, each, at) => sum + each * (found[name]?.data[at] as number), 0),
      );
      return sums.reduce((a, b) => a + b);
    };
    const { x: dx = [] } = await gradients(each, inputs, dys);
    const x = inputs.x?.data as Float32Array;
    for (const [at, slope] of dx.entries()) {
      const moved = (by: number) => weighted(x.with(at, (x[at] as number) + by));
      expect(slope, `element ${at}`).toBeCloseTo(((await moved(4e-3)) - (await moved(-4e-3))) / 8e-3, 2);
    }
  });

  it('a running mean that the loss is made of is refused, not left out', () => {
    const c = new Draft();
    c.declare('x', [2, 3]);
    for (const name of ['w', 'b', 'mean', 'variance']) c.declare(name, [3]);
    c.add(node('BatchNormalization', ['x', 'w', 'b', 'mean', 'variance'], ['y', 'next', 'spread'], { training_mode: 1 }, { name: 'norm' }));
    const seeds = new Map([['next', c.declare('dy', [3])]]);
    expect(() => backward(c, c.nodes.slice(), seeds, ['x'])).toThrow(
      expect.objectContaining({ code: 'operator-unsupported', message: expect.stringMatching(/running statistics of node 'norm'/) }),
    );
  });
});
