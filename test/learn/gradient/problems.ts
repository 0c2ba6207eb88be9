// Problems for the gradient learner with known answers, small tails to learn them, and what a trained tail says: for its tests only.

import type { LearnerInput } from '../../../agent/learn/learner.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import type { Node, Tensor } from '../../../agent/onnx/ir.ts';
import { floats, graph, model, node, value } from '../../../agent/onnx/made/build.ts';
import type { FloatTail } from '../../../agent/onnx/surgery/tail.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { openSession } from '../../../agent/runtime/session.ts';
import type { FeatureSet } from '../../../agent/types.ts';
import type { Random } from '../../autodiff/random.ts';

export const normal = (r: Random) => r.next() + r.next() + r.next() + r.next() - 2;

/** `count` samples around one centre a class; columns differ in scale and offset by powers of ten. */
export function blobs(r: Random, options: { count: number; width: number; classes: number; noise?: number; scales?: boolean }): FeatureSet {
  const { count, width, classes, noise = 0.5, scales = true } = options;
  const centres = Array.from({ length: classes * width }, () => normal(r));
  const labels = Int32Array.from({ length: count }, (_, row) => row % classes);
  const features = Float32Array.from({ length: count * width }, (_, at) => {
    const [row, column] = [Math.floor(at / width), at % width];
    const scale = scales ? 10 ** ((column % 5) - 2) : 1;
    return scale * ((centres[(labels[row] as number) * width + column] as number) + noise * normal(r) + (scales ? 3 : 0));
  });
  return { features, count, width, labels, groups: Int32Array.from({ length: count }, (_, row) => row) };
}

export function tailOf(
  sample: readonly (number | string)[],
  nodes: readonly Node[],
  parameters: Record<string, Tensor>,
  head: FloatTail['head'],
): FloatTail {
  const body = graph('tail', {
    inputs: [value('x', ['n', ...sample])],
    outputs: [value('z', null)],
    nodes,
    initializers: Object.entries(parameters),
  });
  return {
    model: model(body),
    input: 'x',
    output: 'z',
    logits: 'z',
    activation: 'none',
    parameters: Object.entries(parameters).map(([name, { dims }], layer) => ({
      name,
      dims,
      role: dims.length === 1 ? 'bias' : 'weight',
      layer,
    })),
    head,
    origins: new Map(),
    base: new Map(Object.entries(parameters)),
    activations: [],
  };
}

export function linear(width: number, classes: number, weights: readonly number[] | number = 0): FloatTail {
  const parameters = { w: floats([classes, width], weights), b: floats([classes], 0) };
  const head = { weight: 'w', bias: 'b', layout: 'out-in' as const, input: 'x', width, classes };
  return tailOf([width], [node('Gemm', ['x', 'w', 'b'], ['z'], { transB: 1 })], parameters, head);
}

export const inputOf = (tail: FloatTail, train: FeatureSet, classes: number, more: Partial<LearnerInput> = {}): LearnerInput => ({
  tail,
  train,
  classes,
  prior: null,
  personalWeight: 1,
  seed: 5,
  runtime: createRuntime(),
  ...more,
});

/** Runs the tail, with new weights, as the agent would. */
export async function logitsOf(
  tail: FloatTail,
  weights: ReadonlyMap<string, Tensor>,
  set: FeatureSet,
  sample: readonly number[] = [set.width],
) {
  const changed = { ...tail.model, graph: { ...tail.model.graph, initializers: new Map([...tail.model.graph.initializers, ...weights]) } };
  await using session = await openSession(encodeModel(changed), { label: 'the trained tail' });
  const out = await session.run({ x: floats([set.count, ...sample], set.features) });
  return out.z?.data as Float32Array;
}

export function accuracy(logits: Float32Array, labels: Int32Array, classes: number): number {
  const right = labels.reduce((sum, label, row) => {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    return sum + (own.every((logit) => logit <= (own[label] as number)) ? 1 : 0);
  }, 0);
  return right / labels.length;
}

/** First half to learn from, second half to judge by: same centres. */
export function halves(set: FeatureSet): readonly [FeatureSet, FeatureSet] {
  const count = set.count / 2;
  const part = (from: number): FeatureSet => ({
    ...set,
    count,
    features: set.features.slice(from * set.width, (from + count) * set.width),
    labels: set.labels.slice(from, from + count),
    groups: set.groups.slice(from, from + count),
  });
  return [part(0), part(count)];
}
