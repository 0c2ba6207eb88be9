// Models as people have them, each with a small layer in front: for tests that train a tail and write it back.

import { toFloat16 } from '../../agent/onnx/codec/float16.ts';
import type { Dim, DType, Model, Node, Tensor, ValueInfo } from '../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../agent/onnx/made/build.ts';
import { randomOf } from '../../agent/random.ts';

const random = randomOf(7);

export function noise(...dims: readonly number[]): Tensor {
  const size = dims.reduce((product, dim) => product * dim, 1);
  return floats(
    dims,
    Array.from({ length: size }, () => 2 * random() - 1),
  );
}

function half(...dims: readonly number[]): Tensor {
  return { dtype: 'float16', dims, data: Uint16Array.from(noise(...dims).data as Float32Array, toFloat16) };
}

type Constants = readonly (readonly [string, Tensor])[];
interface Shape {
  readonly input?: ValueInfo;
  readonly output?: readonly Dim[];
  readonly dtype?: DType;
  readonly opset?: number;
}

/** A model whose first layer and Relu give 'h', 5 numbers a sample; `end` makes 'y' of it. */
export function dense(end: readonly Node[], constants: Constants, shape: Shape = {}): Model {
  const first = [node('Gemm', ['x', 'w0', 'b0'], ['h0']), node('Relu', ['h0'], ['h'])];
  return whole([...first, ...end], [['w0', noise(6, 5)], ['b0', noise(5)], ...constants], shape);
}

/** The same with a convolution: 'h' is [n, 5, 2, 2]. */
function map(end: readonly Node[], constants: Constants, shape: Shape = {}): Model {
  const first = [node('Conv', ['x', 'w0', 'b0'], ['h0']), node('Relu', ['h0'], ['h'])];
  const input = value('x', ['batch', 2, 4, 4]);
  return whole([...first, ...end], [['w0', noise(5, 2, 3, 3)], ['b0', noise(5)], ...constants], { input, ...shape });
}

function whole(nodes: readonly Node[], initializers: Constants, { input, output, dtype, opset = 17 }: Shape): Model {
  const inputs = [input ?? value('x', ['batch', 6])];
  const outputs = [value('y', output ?? ['batch', 3], dtype)];
  return model(graph('g', { inputs, outputs, nodes, initializers }), { opset, irVersion: opset > 20 ? 10 : 8 });
}

export const gemm = [node('Gemm', ['h', 'w', 'b'], ['y'])];
const score = [node('Gemm', ['h', 'w', 'b'], ['z']), node('Sigmoid', ['z'], ['s'])];
const normal: Constants = [
  ['gamma', floats([3], [0.5, 1.5, -2])],
  ['beta', floats([3], [0.1, -0.3, 0.2])],
  ['mean', floats([3], [0.4, -0.2, 0])],
  ['var', floats([3], [0.5, 2, 1])],
];
const normalize = (x: string, y: string) => node('BatchNormalization', [x, 'gamma', 'beta', 'mean', 'var'], [y]);
const pointwise: Constants = [
  ['w', noise(3, 5, 1, 1)],
  ['b', noise(3)],
];
const pooled = node('GlobalAveragePool', ['h'], ['p']);

/** Name, model, trained parameters in the form that the file stores, and to how many classes the head can be changed. */
export const cases: readonly (readonly [string, Model, string, number | null])[] = [
  [
    'weights behind a Reshape',
    dense(
      [node('Reshape', ['wr', 's'], ['w']), node('MatMul', ['h', 'w'], ['m']), node('Add', ['m', 'b'], ['y'])],
      [
        ['wr', noise(5, 1, 3)],
        ['s', ints([5, 3])],
        ['b', noise(1, 3)],
      ],
    ),
    'wr b',
    4,
  ],
  [
    'weights behind Squeeze and Transpose, a bias behind Identity',
    dense(
      [
        node('Squeeze', ['wr', 'a'], ['ws']),
        node('Transpose', ['ws'], ['w']),
        node('Identity', ['br'], ['b']),
        node('Gemm', ['h', 'w', 'b'], ['y']),
      ],
      [
        ['wr', noise(1, 3, 5)],
        ['a', ints([0])],
        ['br', noise(3)],
      ],
    ),
    'wr b',
    5,
  ],
  [
    'weights that are stored in float16 behind a Cast',
    dense(
      [node('Cast', ['wr'], ['w'], { to: 1 }), node('Cast', ['br'], ['b'], { to: 1 }), ...gemm],
      [
        ['wr', half(5, 3)],
        ['br', half(3)],
      ],
    ),
    'w b',
    4,
  ],
  [
    'one number added to all classes',
    dense(
      [node('MatMul', ['h', 'w'], ['m']), node('Add', ['m', 'c'], ['y'])],
      [
        ['w', noise(5, 3)],
        ['c', floats([], 0.3)],
      ],
    ),
    'w c/classes',
    5,
  ],
  [
    'a normalization behind the last layer',
    dense([node('Gemm', ['h', 'w', 'b'], ['m']), normalize('m', 'y')], [['w', noise(5, 3)], ['b', noise(3)], ...normal]),
    'w b',
    4,
  ],
  [
    'a normalization behind a MatMul, and a Softmax',
    dense([node('MatMul', ['h', 'w'], ['m']), normalize('m', 'z'), node('Softmax', ['z'], ['y'])], [['w', noise(5, 3)], ...normal]),
    'w beta/classes',
    2,
  ],
  [
    'a pointwise convolution on one place, output [n, C, 1, 1]',
    map([pooled, node('Conv', ['p', 'w', 'b'], ['y'])], pointwise, { output: ['batch', 3, 1, 1] }),
    'w b',
    4,
  ],
  [
    'a pointwise convolution before the pooling, Softmax of opset 12',
    map([node('Conv', ['h', 'w', 'b'], ['c']), node('GlobalAveragePool', ['c'], ['q']), node('Softmax', ['q'], ['y'])], pointwise, {
      output: ['batch', 3, 1, 1],
      opset: 12,
    }),
    'w b',
    2,
  ],
  [
    'a pointwise convolution, then Reshape and Softmax',
    map(
      [pooled, node('Conv', ['p', 'w', 'b'], ['c']), node('Reshape', ['c', 's'], ['r']), node('Softmax', ['r'], ['y'])],
      [...pointwise, ['s', ints([-1, 3])]],
    ),
    'w b',
    4,
  ],
  [
    'one score',
    dense(
      [...score, node('Identity', ['s'], ['y'])],
      [
        ['w', noise(5, 1)],
        ['b', noise(1)],
      ],
      { output: ['batch', 1] },
    ),
    'w b',
    null,
  ],
  [
    'one score in one dimension',
    dense(
      [...score, node('Squeeze', ['s', 'a'], ['y'])],
      [
        ['w', noise(5, 1)],
        ['b', noise(1)],
        ['a', ints([1])],
      ],
      { output: ['batch'] },
    ),
    'w b',
    null,
  ],
  [
    'one score of a layer that is not linear in its features',
    map(
      [
        node('Conv', ['h', 'w', 'b'], ['c']),
        node('Relu', ['c'], ['r']),
        node('GlobalAveragePool', ['r'], ['q']),
        node('Sigmoid', ['q'], ['y']),
      ],
      [
        ['w', noise(1, 5, 1, 1)],
        ['b', noise(1)],
      ],
      { output: ['batch', 1, 1, 1] },
    ),
    'w b',
    null,
  ],
  [
    'bytes as input',
    whole(
      [
        node('Cast', ['x'], ['xf'], { to: 1 }),
        node('Mul', ['xf', 'k'], ['xs']),
        node('Gemm', ['xs', 'w0', 'b0'], ['h0']),
        node('Relu', ['h0'], ['h']),
        ...gemm,
      ],
      [
        ['k', floats([], 1 / 255)],
        ['w0', noise(6, 5)],
        ['b0', noise(5)],
        ['w', noise(5, 3)],
        ['b', noise(3)],
      ],
      { input: value('x', ['batch', 6], 'uint8') },
    ),
    'w b',
    4,
  ],
  [
    'float16 throughout',
    whole(
      [
        node('Gemm', ['x', 'w0', 'b0'], ['h0']),
        node('Relu', ['h0'], ['h']),
        node('Gemm', ['h', 'w', 'b'], ['z']),
        node('Softmax', ['z'], ['y']),
      ],
      [
        ['w0', half(6, 5)],
        ['b0', half(5)],
        ['w', half(5, 3)],
        ['b', half(3)],
      ],
      { input: value('x', ['batch', 6], 'float16'), dtype: 'float16' },
    ),
    'w b',
    4,
  ],
];
