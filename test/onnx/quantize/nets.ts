// Float classifiers of the shapes that edge models have, from a seed: MobileNet-like with batch statistics and residuals, squeeze-and-excite,
// branches that are concatenated, transposed weights, a front end before the first layer.

import type { Model, Node, Tensor } from '../../../agent/onnx/ir.ts';
import { sizeOf } from '../../../agent/onnx/ir.ts';
import { attr, floats, graph, ints, model, node, value } from '../../../agent/onnx/made/build.ts';
import { noise } from '../../models.ts';

const classes = 6;

function weight(dims: readonly number[], fanIn: number, seed: number): Tensor {
  return floats(
    dims,
    noise(sizeOf(dims), seed).map((w) => w * Math.sqrt(3 / fanIn)),
  );
}

function positive(count: number, seed: number): Tensor {
  return floats(
    [count],
    noise(count, seed).map((w) => 1 + 0.5 * w),
  );
}

/** Conv (bias only where asked for) → BatchNormalization. */
function convNorm(
  constants: Map<string, Tensor>,
  x: string,
  y: string,
  wish: {
    readonly inputs: number;
    readonly outputs: number;
    readonly kernel: number;
    readonly group?: number;
    readonly bias?: boolean;
    readonly seed: number;
  },
): readonly Node[] {
  const { inputs, outputs, kernel, group = 1, seed } = wish;
  const pad = (kernel - 1) / 2;
  constants.set(`${y}.w`, weight([outputs, inputs / group, kernel, kernel], (inputs / group) * kernel * kernel, seed));
  if (wish.bias === true) constants.set(`${y}.b`, weight([outputs], 9, seed + 1));
  constants.set(`${y}.gamma`, positive(outputs, seed + 2));
  constants.set(`${y}.beta`, weight([outputs], 9, seed + 3));
  constants.set(`${y}.mean`, weight([outputs], 9, seed + 4));
  constants.set(`${y}.variance`, positive(outputs, seed + 5));
  const kernels = { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad], group };
  return [
    node('Conv', [x, `${y}.w`, ...(wish.bias === true ? [`${y}.b`] : [])], [`${y}.raw`], kernels, { name: `${y} conv` }),
    node('BatchNormalization', [`${y}.raw`, ...['gamma', 'beta', 'mean', 'variance'].map((part) => `${y}.${part}`)], [y], {
      epsilon: attr.float(1e-3),
    }),
  ];
}

export type Ending = 'logits' | 'softmax';

/** x [n, 3, 12, 12]; expand → depthwise → project with a residual, a squeeze-and-excite gate, then pool and a linear layer. */
export function mobile(seed: number, ending: Ending): Model {
  const constants = new Map<string, Tensor>();
  const clip = (x: string, y: string) => node('Clip', [x, 'zero', 'six'], [y]);
  constants.set('zero', floats([], [0]));
  constants.set('six', floats([], [6]));
  const nodes = [
    ...convNorm(constants, 'x', 'a', { inputs: 3, outputs: 8, kernel: 3, seed }),
    clip('a', 'a6'),
    ...convNorm(constants, 'a6', 'b', { inputs: 8, outputs: 24, kernel: 1, seed: seed + 10, bias: true }),
    clip('b', 'b6'),
    ...convNorm(constants, 'b6', 'c', { inputs: 24, outputs: 24, kernel: 3, group: 24, seed: seed + 20 }),
    clip('c', 'c6'),
    node('GlobalAveragePool', ['c6'], ['squeeze']),
    node('Conv', ['squeeze', 'gate.w', 'gate.b'], ['gate.raw'], { kernel_shape: [1, 1] }),
    node('HardSigmoid', ['gate.raw'], ['gate']),
    node('Mul', ['c6', 'gate'], ['excited']),
    ...convNorm(constants, 'excited', 'd', { inputs: 24, outputs: 8, kernel: 1, seed: seed + 30 }),
    node('Add', ['a6', 'd'], ['residual']),
    node('MaxPool', ['residual'], ['pooled'], { kernel_shape: [2, 2], strides: [2, 2] }),
    ...convNorm(constants, 'pooled', 'e', { inputs: 8, outputs: 16, kernel: 3, seed: seed + 40 }),
    node('Relu', ['e'], ['e0']),
    node('GlobalAveragePool', ['e0'], ['mean']),
    node('Flatten', ['mean'], ['features'], { axis: 1 }),
    node('Gemm', ['features', 'head.w', 'head.b'], [ending === 'softmax' ? 'logits' : 'y'], { transB: 1 }, { name: 'head' }),
    ...(ending === 'softmax' ? [node('Softmax', ['logits'], ['y'], { axis: -1 })] : []),
  ];
  constants.set('gate.w', weight([24, 24, 1, 1], 24, seed + 50));
  constants.set('gate.b', weight([24], 9, seed + 51));
  constants.set('head.w', weight([classes, 16], 2, seed + 52));
  constants.set('head.b', weight([classes], 9, seed + 53));
  return whole(nodes, constants, ['n', 3, 12, 12]);
}

/** x [n, 3, 8, 8]; a bias as an Add behind the first Conv, two branches joined, one through a ConvTranspose, a Relu whose input something else reads too, MatMul and Add. */
export function branches(seed: number): Model {
  const constants = new Map<string, Tensor>([
    ['w1', weight([6, 3, 3, 3], 27, seed)],
    ['b1', weight([6], 9, seed + 7)],
    ['perChannel', ints([1, -1, 1, 1])],
    ['w2', weight([6, 4, 2, 2], 24, seed + 1)],
    ['b2', weight([4], 9, seed + 2)],
    ['w3', weight([20, 10], 20, seed + 3)],
    ['b3', weight([1, 20], 9, seed + 4)],
    ['w4', weight([20, classes], 4, seed + 5)],
    ['b4', weight([classes], 9, seed + 6)],
    ['shape', ints([1, 10])],
  ]);
  const nodes = [
    node('Reshape', ['b1', 'perChannel'], ['b1r']),
    node('Conv', ['x', 'w1'], ['c1raw'], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
    node('Add', ['c1raw', 'b1r'], ['c1']),
    node('Relu', ['c1'], ['r1']),
    node('ConvTranspose', ['c1', 'w2', 'b2'], ['up'], { kernel_shape: [2, 2], strides: [2, 2] }),
    node('AveragePool', ['up'], ['down'], { kernel_shape: [2, 2], strides: [2, 2] }),
    node('LeakyRelu', ['down'], ['leaky'], { alpha: attr.float(0.1) }),
    node('Concat', ['r1', 'leaky'], ['joined'], { axis: 1 }),
    node('GlobalAveragePool', ['joined'], ['p']),
    node('Reshape', ['p', 'shape'], ['f']),
    node('Transpose', ['w3'], ['w3t'], { perm: [1, 0] }),
    node('MatMul', ['f', 'w3t'], ['m3']),
    node('Add', ['b3', 'm3'], ['h3']),
    node('Dropout', ['h3'], ['h3d']),
    node('Relu', ['h3d'], ['r3']),
    node('Gemm', ['r3', 'w4', 'b4'], ['y']),
  ];
  return whole(nodes, constants, [1, 3, 8, 8]);
}

/** x [n, 64]: a front end (a fixed Conv, squares, a logarithm) that gives `mel` [n, 8, 15], then a small net. */
export function withFrontEnd(seed: number): Model {
  const constants = new Map<string, Tensor>([
    ['axis', ints([1])],
    ['dft', weight([8, 1, 8], 8, seed)],
    ['floor', floats([], [1e-3])],
    ['w1', weight([12, 8, 3], 24, seed + 1)],
    ['b1', weight([12], 9, seed + 2)],
    ['w2', weight([classes, 12], 3, seed + 3)],
    ['b2', weight([classes], 9, seed + 4)],
  ]);
  const nodes = [
    node('Unsqueeze', ['x', 'axis'], ['wave']),
    node('Conv', ['wave', 'dft'], ['spectrum'], { kernel_shape: [8], strides: [4] }),
    node('Mul', ['spectrum', 'spectrum'], ['power']),
    node('Add', ['power', 'floor'], ['above']),
    node('Log', ['above'], ['mel']),
    node('Conv', ['mel', 'w1', 'b1'], ['c1'], { kernel_shape: [3], pads: [1, 1] }),
    node('Relu', ['c1'], ['r1']),
    node('GlobalAveragePool', ['r1'], ['p']),
    node('Flatten', ['p'], ['f'], { axis: 1 }),
    node('Gemm', ['f', 'w2', 'b2'], ['y'], { transB: 1 }),
  ];
  return whole(nodes, constants, ['n', 64]);
}

function whole(nodes: readonly Node[], constants: ReadonlyMap<string, Tensor>, input: readonly (string | number)[]): Model {
  return model(
    graph('net', { inputs: [value('x', input)], outputs: [value('y', [input[0] as string, classes])], nodes, initializers: constants }),
    { opset: 13 },
  );
}

/** `count` inputs of batch 1, each with an offset of its own, so that what averaging leaves still differs. */
export function inputsOf(net: Model, count: number, seed = 3): readonly Tensor[] {
  const dims = [1, ...(net.graph.inputs[0]?.shape ?? []).slice(1).map(Number)];
  const size = sizeOf(dims);
  const offsets = noise(count * 3, seed + 99);
  const values = noise(count * size, seed);
  return Array.from({ length: count }, (_, at) =>
    floats(
      dims,
      values.slice(at * size, (at + 1) * size).map((x, index) => x + (offsets[at * 3 + (Math.floor((3 * index) / size) % 3)] as number)),
    ),
  );
}
