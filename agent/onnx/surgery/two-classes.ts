// One score with a sigmoid is two classes: σ(z) is the second of softmax(−z/2, z/2). Gives the float tail that says so, which learners take
// like any other, and turns what they make of it back into the one score. Refuses tails of more scores (`internal`).
import { WhetError } from '../../errors.ts';
import type { Tensor } from '../ir.ts';
import { node } from '../made/build.ts';
import { classAxis, pickRows, withClasses } from './classes.ts';
import type { FloatTail } from './tail.ts';

/** A tail of one score that ends in a Sigmoid → the same with two logits and a Softmax; its class 1 is what the score speaks for. */
export function asTwoClasses(tail: FloatTail): FloatTail {
  if (tail.activation !== 'sigmoid') throw new WhetError('internal', 'only a score behind a sigmoid is two classes');
  if (tail.head === null) return behindLogit(tail);
  const doubled = withClasses(tail, [0, 0]);
  const initializers = new Map(doubled.model.graph.initializers);
  for (const name of headNames(tail)) {
    const value = initializers.get(name) as Tensor;
    const second = secondOf(doubled, name);
    initializers.set(name, { ...value, data: (value.data as Float32Array).map((each, at) => (second(at) ? each / 2 : -each / 2)) });
  }
  const { graph } = doubled.model;
  const nodes = graph.nodes.map((each) =>
    each.op === 'Sigmoid' && each.inputs[0] === tail.logits
      ? node('Softmax', each.inputs, each.outputs, { axis: -1 }, { name: each.name })
      : each,
  );
  return {
    ...doubled,
    model: { ...doubled.model, graph: { ...graph, nodes, initializers } },
    activation: 'softmax',
    base: new Map(
      [...tail.base].map(([name, value]) => [name, headNames(tail).includes(name) ? (initializers.get(name) as Tensor) : value]),
    ),
    single: tail,
  };
}

/** Weights of the two-class tail → those of the tail with one score: z is the difference of the two logits. */
export function singleWeights(tail: FloatTail, weights: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  const { single } = tail;
  if (single === undefined) return weights;
  return new Map(
    [...weights].map(([name, value]) => {
      const stored = single.model.graph.initializers.get(name);
      if (stored === undefined || !headNames(single).includes(name)) return [name, value];
      const axis = classAxisOf(tail, name);
      const first = pickRows(value, axis, [0]).data as Float32Array;
      const second = pickRows(value, axis, [1]).data as Float32Array;
      return [name, { ...stored, data: second.map((each, at) => each - (first[at] as number)) }];
    }),
  );
}

/** Where the last layer is not linear its weights stay as they are, and the two logits are made of the one. */
function behindLogit(tail: FloatTail): FloatTail {
  const { graph } = tail.model;
  const [halves, logits] = [`${tail.logits}/halves`, `${tail.logits}/logits`];
  const nodes = graph.nodes.flatMap((each) =>
    each.op === 'Sigmoid' && each.inputs[0] === tail.logits
      ? [node('Mul', [tail.logits, halves], [logits]), node('Softmax', [logits], each.outputs, { axis: -1 }, { name: each.name })]
      : [each],
  );
  const initializers = new Map(graph.initializers).set(halves, { dtype: 'float32', dims: [2], data: Float32Array.of(-0.5, 0.5) });
  const outputs = graph.outputs.map((info) => ({ ...info, shape: info.shape === null ? null : [info.shape[0] ?? null, 2] }));
  return {
    ...tail,
    model: { ...tail.model, graph: { ...graph, nodes, initializers, outputs } },
    logits,
    activation: 'softmax',
    single: tail,
  };
}

function headNames({ head }: FloatTail): readonly string[] {
  return head === null ? [] : head.bias === null ? [head.weight] : [head.weight, head.bias];
}

/** Axis of the two classes in a parameter of the head. */
function classAxisOf({ head, parameters }: FloatTail, name: string): number {
  const dims = parameters.find((each) => each.name === name)?.dims ?? [];
  if (head === null || name !== head.weight) return Math.max(0, dims.lastIndexOf(2));
  return classAxis(head, dims);
}

/** Whether an element of a parameter of the head belongs to the second class. */
function secondOf(tail: FloatTail, name: string): (index: number) => boolean {
  const dims = tail.parameters.find((each) => each.name === name)?.dims ?? [];
  const inner = dims.slice(classAxisOf(tail, name) + 1).reduce((product, dim) => product * dim, 1);
  return (index) => Math.floor(index / inner) % 2 === 1;
}
