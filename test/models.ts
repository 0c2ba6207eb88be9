// Small float classifiers, written in code from a seed, at any opset from 7: a residual convolutional one, a multilayer perceptron, and a deeper
// one with a depthwise convolution.

import type { Model, Node, Tensor } from '../agent/onnx/ir.ts';
import { sizeOf } from '../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../agent/onnx/made/build.ts';

export interface ModelWish {
  readonly kind: 'mlp' | 'conv' | 'deep';
  readonly opset: number;
  readonly softmax?: boolean;
  readonly classes?: number;
}

export const classesOf = (wish: ModelWish): number => wish.classes ?? 5;

/** Numbers in [−1, 1), always the same for a seed. */
export function noise(count: number, seed: number): Float32Array {
  let state = seed >>> 0 || 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  });
}

export function inputShape(wish: ModelWish): readonly number[] {
  return wish.kind === 'mlp' ? [1, 12] : [1, 3, 8, 8];
}

/** `count` inputs of batch 1. Pictures have a colour of their own, so that what is left of them after averaging still differs. */
export function sampleInputs(wish: ModelWish, count: number, seed = 7): readonly Tensor[] {
  const dims = inputShape(wish);
  const size = sizeOf(dims);
  const all = noise(count * size, seed);
  const colours = noise(count * 3, seed + 1);
  return Array.from({ length: count }, (_, at) => {
    const values = all.slice(at * size, (at + 1) * size);
    if (wish.kind === 'mlp') return floats(dims, values);
    return floats(
      dims,
      values.map((value, index) => 0.3 * value + (colours[at * 3 + Math.floor(index / 64)] as number)),
    );
  });
}

export function floatClassifier(wish: ModelWish): Model {
  return { mlp: perceptron, conv: convolutional, deep }[wish.kind](wish);
}

function weights(dims: readonly number[], fanIn: number, seed: number): Tensor {
  return floats(
    dims,
    noise(sizeOf(dims), seed).map((w) => w * Math.sqrt(3 / fanIn)),
  );
}

function ending(wish: ModelWish, logits: string): readonly Node[] {
  return wish.softmax === true ? [node('Softmax', [logits], ['y'], { axis: 1 }, { name: 'softmax' })] : [];
}

/** x [n, 12] → Gemm 16 → Relu → MatMul 10 → Add → Relu → Gemm classes (transposed weights) → y. */
function perceptron(wish: ModelWish): Model {
  const classes = classesOf(wish);
  const last = wish.softmax === true ? 'logits' : 'y';
  return model(
    graph('perceptron', {
      inputs: [value('x', ['n', 12])],
      outputs: [value('y', ['n', classes])],
      nodes: [
        node('Gemm', ['x', 'w1', 'b1'], ['h1'], { transB: 1 }, { name: 'first' }),
        node('Relu', ['h1'], ['r1'], {}, { name: 'relu1' }),
        node('MatMul', ['r1', 'w2'], ['m2'], {}, { name: 'second' }),
        node('Add', ['m2', 'b2'], ['h2'], {}, { name: 'bias2' }),
        node('Relu', ['h2'], ['r2'], {}, { name: 'relu2' }),
        node('Gemm', ['r2', 'w3', 'b3'], [last], { transB: 1 }, { name: 'head' }),
        ...ending(wish, last),
      ],
      initializers: [
        ['w1', weights([16, 12], 12, 1)],
        ['b1', weights([16], 9, 2)],
        ['w2', weights([16, 10], 16, 3)],
        ['b2', weights([10], 9, 4)],
        ['w3', weights([classes, 10], 10, 5)],
        ['b3', weights([classes], 9, 6)],
      ],
    }),
    { opset: wish.opset, irVersion: wish.opset >= 9 ? 8 : 3 },
  );
}

/** x [n, 3, 8, 8] → Conv 8 → Relu → Conv 8 → Add (residual) → Relu → mean → Flatten → MatMul classes → Add → y. */
function convolutional(wish: ModelWish): Model {
  const classes = classesOf(wish);
  const last = wish.softmax === true ? 'logits' : 'y';
  const conv = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  return model(
    graph('convolutional', {
      inputs: [value('x', ['n', 3, 8, 8])],
      outputs: [value('y', ['n', classes])],
      nodes: [
        node('Conv', ['x', 'w1', 'b1'], ['c1'], conv, { name: 'conv1' }),
        node('Relu', ['c1'], ['r1'], {}, { name: 'relu1' }),
        node('Conv', ['r1', 'w2', 'b2'], ['c2'], conv, { name: 'conv2' }),
        node('Add', ['r1', 'c2'], ['s'], {}, { name: 'residual' }),
        node('Relu', ['s'], ['r2'], {}, { name: 'relu2' }),
        node('GlobalAveragePool', ['r2'], ['p'], {}, { name: 'pool' }),
        node('Reshape', ['p', 'shape'], ['f'], {}, { name: 'flatten' }),
        node('MatMul', ['f', 'w3'], ['m3'], {}, { name: 'head' }),
        node('Add', ['m3', 'b3'], [last], {}, { name: 'bias3' }),
        ...ending(wish, last),
      ],
      initializers: [
        ['w1', weights([8, 3, 3, 3], 27, 11)],
        ['b1', weights([8], 9, 12)],
        ['w2', weights([8, 8, 3, 3], 72, 13)],
        ['b2', weights([8], 9, 14)],
        ['shape', ints([-1, 8])],
        ['w3', weights([8, classes], 8, 15)],
        ['b3', weights([classes], 9, 16)],
      ],
    }),
    { opset: wish.opset, irVersion: wish.opset >= 9 ? 8 : 3 },
  );
}

/**
 * x [n, 3, 8, 8] → Conv 1×1 6 → Relu → Conv 8 → Relu → Conv 1×1 24 → Relu → depthwise 3×3 → Relu → Conv 1×1 8 → Add (residual) → Conv 1×1 20 → Relu → mean →
 * Flatten → Gemm classes (transposed weights) → y. Seven layers with weights.
 */
function deep(wish: ModelWish): Model {
  const classes = classesOf(wish);
  const last = wish.softmax === true ? 'logits' : 'y';
  const around = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
  const point = { kernel_shape: [1, 1] };
  const conv = (x: string, at: number, y: string, attributes: Readonly<Record<string, number | readonly number[]>>) =>
    node('Conv', [x, `w${at}`, `b${at}`], [y], attributes as Parameters<typeof node>[3], { name: `conv${at}` });
  return model(
    graph('deep', {
      inputs: [value('x', ['n', 3, 8, 8])],
      outputs: [value('y', ['n', classes])],
      nodes: [
        conv('x', 0, 'c0', point),
        node('Relu', ['c0'], ['r0'], {}, { name: 'relu0' }),
        conv('r0', 1, 'c1', around),
        node('Relu', ['c1'], ['r1'], {}, { name: 'relu1' }),
        conv('r1', 2, 'c2', point),
        node('Relu', ['c2'], ['r2'], {}, { name: 'relu2' }),
        conv('r2', 3, 'c3', { ...around, group: 24 }),
        node('Relu', ['c3'], ['r3'], {}, { name: 'relu3' }),
        conv('r3', 4, 'c4', point),
        node('Add', ['r1', 'c4'], ['s'], {}, { name: 'residual' }),
        conv('s', 5, 'c5', point),
        node('Relu', ['c5'], ['r5'], {}, { name: 'relu5' }),
        node('GlobalAveragePool', ['r5'], ['p'], {}, { name: 'pool' }),
        node('Reshape', ['p', 'shape'], ['f'], {}, { name: 'flatten' }),
        node('Gemm', ['f', 'w6', 'b6'], [last], { transB: 1 }, { name: 'head' }),
        ...ending(wish, last),
      ],
      initializers: [
        ['w0', weights([6, 3, 1, 1], 3, 19)],
        ['b0', weights([6], 9, 20)],
        ['w1', weights([8, 6, 3, 3], 54, 21)],
        ['b1', weights([8], 9, 22)],
        ['w2', weights([24, 8, 1, 1], 8, 23)],
        ['b2', weights([24], 9, 24)],
        ['w3', weights([24, 1, 3, 3], 9, 25)],
        ['b3', weights([24], 9, 26)],
        ['w4', weights([8, 24, 1, 1], 24, 27)],
        ['b4', weights([8], 9, 28)],
        ['w5', weights([20, 8, 1, 1], 8, 29)],
        ['b5', weights([20], 9, 30)],
        ['shape', ints([-1, 20])],
        ['w6', weights([classes, 20], 20, 31)],
        ['b6', weights([classes], 9, 32)],
      ],
    }),
    { opset: wish.opset, irVersion: wish.opset >= 9 ? 8 : 3 },
  );
}
