// A model with a recurrent layer and one with attention, from cut to written file: the gradient learner trains them on the order of a sequence,
// which no layer behind them could learn, and what ships is the model's own operators.

import { describe, expect, it } from 'vitest';
import { gradient } from '../../../agent/learn/gradient/gradient.ts';
import { openClassifier } from '../../../agent/model/open.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { requantize } from '../../../agent/onnx/forms/requantize.ts';
import { type Model, type Node, sizeOf, type Tensor } from '../../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../../agent/onnx/made/build.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { openSession } from '../../../agent/runtime/session.ts';
import { Random } from '../../autodiff/random.ts';

const [time, width, hidden, classes] = [6, 3, 8, 2];

/** A first layer that stays frozen, and then nodes from 'h' [n, time, width] to 'y' [n, classes]. */
function whole(
  nodes: readonly Node[],
  dims: Readonly<Record<string, readonly number[]>>,
  constants: Readonly<Record<string, Tensor>>,
): Model {
  const r = new Random(4);
  const weights = Object.entries(dims).map(([name, shape]): [string, Tensor] => {
    const size = 1 / Math.sqrt(shape.at(-1) as number);
    return [
      name,
      floats(
        shape,
        Array.from({ length: sizeOf(shape) }, () => (2 * r.next() - 1) * size),
      ),
    ];
  });
  const identity = floats([width, width], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  const body = graph('sequence', {
    inputs: [value('x', ['n', time, width])],
    outputs: [value('y', ['n', classes])],
    nodes: [node('MatMul', ['x', 'first'], ['h']), ...nodes],
    initializers: [['first', identity], ...weights, ...Object.entries(constants)],
  });
  return model(body, { opset: 23, irVersion: 11 });
}

const head = { w: [hidden, classes], b: [classes] };

const recurrent = (op: 'LSTM' | 'GRU', gates: number): Model =>
  whole(
    [
      node('Transpose', ['h'], ['t'], { perm: [1, 0, 2] }),
      node(op, ['t', 'in', 'again', 'bias'], ['', 'last'], { hidden_size: hidden }),
      node('Squeeze', ['last', 'zero'], ['s']),
      node('Gemm', ['s', 'w', 'b'], ['y']),
    ],
    { in: [1, gates * hidden, width], again: [1, gates * hidden, hidden], bias: [1, 2 * gates * hidden], ...head },
    { zero: ints([0]) },
  );

const attention = whole(
  [
    node('Add', ['h', 'places'], ['p']),
    ...['q', 'k', 'v'].map((name) => node('MatMul', ['p', `${name}w`], [name])),
    node('Attention', ['q', 'k', 'v'], ['a'], { q_num_heads: 2, kv_num_heads: 2 }),
    node('LayerNormalization', ['a', 'scale', 'shift'], ['l']),
    node('ReduceMax', ['l', 'one'], ['m'], { keepdims: 0 }),
    node('Gemm', ['m', 'w', 'b'], ['y']),
  ],
  { places: [time, width], qw: [width, hidden], kw: [width, hidden], vw: [width, hidden], scale: [hidden], shift: [hidden], ...head },
  { one: ints([1]) },
);

/** Two marks at different times; the class is which of them comes first. */
function sequences(count: number, seed: number) {
  const r = new Random(seed);
  const features = new Float32Array(count * time * width);
  const labels = Int32Array.from({ length: count }, (_, row) => {
    const [early, late] = r.permutation(time).slice(0, 2).sort() as [number, number];
    const label = row % 2;
    features[(row * time + early) * width + label] = 1;
    features[(row * time + late) * width + 1 - label] = 1;
    return label;
  });
  return { features, labels, count, width: time * width, groups: Int32Array.from(labels.keys()) };
}

describe('a tail with a memory', () => {
  it.each([
    ['an LSTM', recurrent('LSTM', 4), 'LSTM', { kind: 'layers', layers: 2 }],
    ['a GRU', recurrent('GRU', 3), 'GRU', { kind: 'layers', layers: 2 }],
    // Behind the frozen layer, so that the places are added within the tail.
    ['attention', attention, 'Attention', { kind: 'tensor', tensor: 'h' }],
  ] as const)('%s learns the order of two marks, and goes back into its model', async (_what, base, op, cut) => {
    const classifier = await openClassifier(base, { cut, runtime: createRuntime() });
    const { tail } = classifier;
    expect(tail.model.graph.nodes.map((each) => each.op)).toContain(op);
    expect(classifier.features.shape.slice(1)).toEqual([time, width]);
    const fitted = await gradient.fit({
      tail,
      train: sequences(240, 1),
      classes,
      seed: 1,
      runtime: createRuntime(),
      prior: null,
      personalWeight: 1,
    });
    const artifact = requantize(base, tail, fitted.weights, { ranges: new Map() });
    expect(artifact.graph.nodes.map((each) => each.op)).toEqual(base.graph.nodes.map((each) => each.op));

    const test = sequences(100, 2);
    await using session = await openSession(encodeModel(artifact), { label: 'the adapted model' });
    const { y } = await session.run({ x: floats([test.count, time, width], test.features) });
    const logits = y?.data as Float32Array;
    const right = Array.from(test.labels).filter(
      (label, row) => (logits[row * 2 + label] as number) > (logits[row * 2 + 1 - label] as number),
    );
    // Chance is 50, give or take 5.
    expect(right.length).toBeGreaterThan(80);
  });
});
