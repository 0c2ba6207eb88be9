// Shapes, types and values that a draft knows before anything runs, against those that the runtime gives: constants folded, shapes inferred, and
// what depends on data said to be unknown.
import { describe, expect, it } from 'vitest';
import { Draft } from '../../agent/autodiff/draft.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { DType, Node, Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../agent/onnx/made/build.ts';
import { openSession } from '../../agent/runtime/session.ts';

type Tensors = Readonly<Record<string, Tensor>>;

/** The value 'y', which the runtime refuses to compute where it is not of that type. */
async function run(nodes: readonly Node[], inputs: Tensors, constants: Tensors, dtype: DType = 'float32'): Promise<Tensor> {
  const body = graph('case', {
    inputs: Object.entries(inputs).map(([name, { dims, dtype }]) => value(name, dims, dtype)),
    outputs: [value('y', null, dtype)],
    nodes,
    initializers: Object.entries(constants),
  });
  await using session = await openSession(encodeModel(model(body)), { label: 'the case', optimization: 'disabled' });
  return (await session.run(inputs)).y as Tensor;
}

function drafted(nodes: readonly Node[], inputs: Tensors, constants: Tensors): Draft {
  const c = new Draft();
  for (const [name, { dims, dtype }] of Object.entries(inputs)) c.declare(name, dims, dtype);
  for (const [name, tensor] of Object.entries(constants)) c.constant(name, tensor);
  for (const each of nodes) c.add(each);
  return c;
}

const numbers = (tensor: Tensor | null | undefined) => Array.from(tensor?.data as Float64Array, Number);

describe('constants folded in a draft are what the runtime computes', () => {
  const a = { dtype: 'float32', dims: [2, 3], data: Float32Array.from([3, -1, 2, 0.5, 7, -4]) } as const;
  const b = floats([3], [1, 2, -3]);
  const c = floats([2, 1], [0.25, 5]);
  const wholes = ints([4, 9, 2]);
  const cases: readonly (readonly [string, Node, Tensors])[] = [
    ...['Max', 'Min', 'Add', 'Sub', 'Mul', 'Div'].map(
      (op) => [`${op} of two reals`, node(op, ['a', 'b'], ['y']), { a, b }] as [string, Node, Tensors],
    ),
    ['Max of three', node('Max', ['a', 'b', 'c'], ['y']), { a, b, c }],
    ['Min of three', node('Min', ['a', 'b', 'c'], ['y']), { a, b, c }],
    ['Max of one', node('Max', ['a'], ['y']), { a }],
    ['Max of integers', node('Max', ['w', 'one'], ['y']), { w: wholes, one: ints([5], []) }],
    ['Min of integers', node('Min', ['w', 'one'], ['y']), { w: wholes, one: ints([5], []) }],
    ['Size', node('Size', ['a'], ['y']), { a }],
    ['CastLike to integers', node('CastLike', ['a', 'w'], ['y']), { a, w: wholes }],
    ['CastLike to reals', node('CastLike', ['w', 'a'], ['y']), { a, w: wholes }],
  ];
  for (const [name, each, constants] of cases) {
    it(name, async () => {
      const draft = drafted([each], {}, constants);
      const expected = await run([each], {}, constants, draft.dtypeOf('y'));
      expect(draft.known('y')?.dims).toEqual(expected.dims);
      expect(numbers(draft.known('y'))).toEqual(numbers(expected));
    });
  }

  it.each([[{}], [{ start: -5 }], [{ start: 1 }], [{ end: -1 }], [{ end: -5 }], [{ end: 10 }], [{ start: 5 }], [{ start: 2, end: 1 }]])(
    'Shape with %j',
    async (attributes) => {
      const [x, each] = [floats([2, 3, 4], 0), node('Shape', ['x'], ['y'], attributes)];
      expect(numbers(drafted([each], { x }, {}).known('y'))).toEqual(numbers(await run([each], { x }, {}, 'int64')));
    },
  );

  it('a count that comes from data whose shape is known', () => {
    const c = drafted([node('Size', ['x'], ['y'])], { x: floats([2, 3, 4], 0) }, {});
    expect([c.shape('y'), c.knownInts('y')]).toEqual([[], [24]]);
  });

  const end = { dtype: 'int64', dims: [], data: BigInt64Array.of(2n ** 63n - 1n) } as const;

  it('the end of int64 goes through shape arithmetic to the bit, and a slice to it takes the rest', () => {
    const nodes = [
      node('Unsqueeze', ['end', 'zero'], ['end1']),
      node('Concat', ['end1', 'low'], ['ends'], { axis: 0 }),
      node('Slice', ['x', 'starts', 'end1', 'axes'], ['y']),
    ];
    const low = { dtype: 'int64', dims: [1], data: BigInt64Array.of(-(2n ** 63n)) } as const;
    const c = drafted(nodes, { x: floats([2, 5], 0) }, { end, low, zero: ints([0]), starts: ints([1]), axes: ints([1]) });
    expect(c.known('ends')?.data).toEqual(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n)));
    expect(c.shape('y')).toEqual([2, 4]);
  });

  it('nothing is computed with integers that a number does not hold exactly', () => {
    const wide = { dtype: 'int64', dims: [], data: BigInt64Array.of(2n ** 53n + 1n) } as const;
    const nodes = [
      node('Sub', ['end', 'one'], ['less']),
      node('Cast', ['end'], ['real'], { to: 1 }),
      node('Div', ['one', 'none'], ['infinite']),
      node('Unsqueeze', ['wide', 'axes'], ['moved']),
    ];
    const c = drafted(nodes, {}, { end, wide, one: ints([1], []), none: ints([0], []), axes: ints([0]) });
    for (const name of ['less', 'real', 'infinite', 'moved']) expect(c.known(name), name).toBeNull();
  });
});

describe('shapes and types inferred in a draft are those of the runtime', () => {
  const x = floats([5, 6], 1);
  const indices = ints([0, 1, 2, 0, 1, 2], [2, 3]);
  const depths: Tensors = { d: ints([5], []), real: floats([], [4]), v: floats([2], [0, 1]) };
  const image = floats([1, 2, 3, 3], 1);
  const cases: readonly (readonly [string, Node, Tensors, Tensors])[] = [
    ...[-1, 0, 1, -2].map(
      (axis) => [`OneHot, axis ${axis}`, node('OneHot', ['i', 'd', 'v'], ['y'], { axis }), { i: indices }, depths] as const,
    ),
    ['OneHot, a real depth', node('OneHot', ['i', 'real', 'v'], ['y']), { i: indices }, depths],
    ['the mask of Dropout', node('Dropout', ['x'], ['z', 'y']), { x }, {}],
    ['CastLike', node('CastLike', ['x', 'i'], ['y']), { x, i: indices }, {}],
    ...(['SAME_UPPER', 'SAME_LOWER'] as const).flatMap((auto_pad) =>
      [1, 2, 3, 4].map((kernel) => {
        const attributes = { auto_pad, strides: [3, 2], kernel_shape: [kernel, kernel] };
        const each = node('ConvTranspose', ['x', 'w'], ['y'], attributes);
        return [`ConvTranspose, ${auto_pad}, a kernel of ${kernel}`, each, { x: image }, { w: floats([2, 1, kernel, kernel], 1) }] as const;
      }),
    ),
  ];
  for (const [name, each, inputs, constants] of cases) {
    it(name, async () => {
      const c = drafted([each], inputs, constants);
      const expected = await run([each], inputs, constants, c.dtypeOf('y'));
      expect(c.shape('y')).toEqual(expected.dims);
    });
  }

  it('parts of a Split whose sizes are computed are not known', () => {
    const each = node('Split', ['x', 'sizes'], ['a', 'b'], { axis: 1 });
    const c = drafted([each], { x, sizes: ints([2, 4]) }, {});
    expect([c.hasShape('a'), c.hasShape('b')]).toEqual([false, false]);
    expect(() => c.shape('a')).toThrow("the shape of the result of node 'a' (Split) is not known");
  });
});

describe('pools that round up where a window would begin behind the image', () => {
  it.each([
    ['MaxPool', [2, 2], { kernel_shape: [1, 1], strides: [2, 2] }],
    ['AveragePool', [2, 4], { kernel_shape: [1, 1], strides: [2, 3], count_include_pad: 1 }],
    ['MaxPool', [2, 4], { kernel_shape: [1, 2], strides: [2, 3] }],
    ['AveragePool', [2, 4], { kernel_shape: [1, 3], strides: [2, 2] }],
    ['MaxPool', [4, 5], { kernel_shape: [2, 2], strides: [3, 2], pads: [0, 0, 1, 0] }],
  ] as const)('%s over %j, %j: a graph that relies on the size loads, and gives what the node gives', async (op, size, attributes) => {
    const x = floats(
      [1, 1, ...size],
      Array.from({ length: size[0] * size[1] }, (_, at) => (at * 7) % 5),
    );
    const each = node(op, ['x'], ['p'], { ...attributes, ceil_mode: 1 });
    const expected = await run([each, node('Identity', ['p'], ['y'])], { x }, {});
    const c = drafted([each], { x }, {});
    expect(c.shape('p')).toEqual(expected.dims);
    const places = c.shape('p').reduce((a, b) => a * b, 1);
    const head = [node('Flatten', ['p'], ['f']), node('Gemm', ['f', 'w'], ['y'])];
    const identity = floats(
      [places, places],
      Array.from({ length: places * places }, (_, at) => (at % (places + 1) === 0 ? 1 : 0)),
    );
    for (const each of head) c.add(each);
    expect(numbers(await run(c.finish(['y']).nodes, { x }, { w: identity }))).toEqual(numbers(expected));
  });
});

it('positions as many as a size says are counted in a graph that loads, although the size is a vector of one number', async () => {
  const x = floats([1, 100], 0.5);
  const nodes = [
    node('Shape', ['x'], ['length'], { start: 1 }),
    node('Range', ['zero', 'length', 'one'], ['at']),
    node('Cast', ['at'], ['positions'], { to: 1 }),
    node('Add', ['x', 'positions'], ['y']),
  ];
  const constants = { zero: ints([0], []), one: ints([1], []) };
  const c = drafted(nodes, { x }, constants);
  expect(c.shape('y')).toEqual([1, 100]);
  const { nodes: written, initializers } = c.finish(['y']);
  expect(numbers(await run(written, { x }, Object.fromEntries(initializers)))).toEqual(Array.from({ length: 100 }, (_, at) => at + 0.5));
});
