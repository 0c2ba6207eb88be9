// A float tail that computes with the numbers which its quantized form can hold: weights on the grid that writing back will give them, and
// activations on that of the model's quantizers. Trained so, the loss sees what will ship. Tails without fixed scales only have their weights.

import { type Grid, gridFor, type Range } from '../onnx/forms/activation-scale.ts';
import type { WeightOrigin } from '../onnx/forms/form.ts';
import { limitsOf } from '../onnx/forms/quantized-values.ts';
import { gridAxis } from '../onnx/forms/stored-weight.ts';
import { sorted } from '../onnx/graph.ts';
import { type Node, opsetOf, type Tensor } from '../onnx/ir.ts';
import { ints, node as makeNode } from '../onnx/made/build.ts';
import type { ActivationScale, FloatTail } from '../onnx/surgery/tail.ts';
import { snapNode } from './snap.ts';
import type { TrainableTail } from './trainable.ts';

/** An activation whose grid is fed with every run. */
interface Watched {
  readonly activation: ActivationScale;
  readonly names: { readonly scale: string; readonly least: string; readonly most: string };
}

export interface FakeQuantized {
  readonly tail: FloatTail & TrainableTail;
  /** Tensors of the float tail whose ranges `gridsFor` takes. */
  readonly watched: readonly string[];
  /**
   * Values of the tail's `fixed` inputs for ranges of the watched tensors; those of the base model for a tensor without.
   */
  gridsFor(ranges: ReadonlyMap<string, Range>): ReadonlyMap<string, Tensor>;
}

/** A scale that keeps an all-zero channel from being divided by zero. */
const tiny = 1e-12;

/** `left` are parameters that keep their float values: what is trained in other units than it is written in. */
export function fakeQuantized(tail: FloatTail, left: ReadonlySet<string> = new Set()): FakeQuantized {
  const { graph } = tail.model;
  const initializers = new Map(graph.initializers);
  const nodes: Node[] = [];
  // Since opset 18 the axes are an input.
  const takesAxes = opsetOf(tail.model) >= 18;
  const largest = (x: string, y: string, axes: readonly number[]) => {
    if (!takesAxes) return makeNode('ReduceMax', [x], [y], { axes, keepdims: 1 });
    initializers.set(`${y}/axes`, ints(axes));
    return makeNode('ReduceMax', [x, `${y}/axes`], [y], { keepdims: 1 });
  };
  const renamed = new Map<string, string>();
  const scalar = (name: string, value: number) => {
    initializers.set(name, floatScalar(value));
    return name;
  };
  for (const { name, dims } of tail.parameters) {
    const origin = tail.origins.get(name);
    if (origin?.kind !== 'quantized' || left.has(name) || origin.grid.top > 2 ** 15) continue;
    const axis = channelAxis(tail, name, origin, dims.length);
    const others = dims.flatMap((_, each) => (each === axis ? [] : [each]));
    const [size, most, step, scale, y] = ['size', 'most', 'step', 'scale', 'snapped'].map((what) => `${name}/${what}`) as [
      string,
      string,
      string,
      string,
      string,
    ];
    nodes.push(
      makeNode('Abs', [name], [size]),
      largest(size, most, others),
      makeNode('Mul', [most, scalar(`${name}/unit`, 1 / origin.grid.top)], [step]),
      makeNode('Max', [step, scalar(`${name}/tiny`, tiny)], [scale]),
      snapNode(name, scale, y),
    );
    renamed.set(name, y);
  }
  const watched = watchedActivations(tail);
  for (const { activation, names } of watched) {
    const { tensor } = activation;
    for (const [name, value] of valuesOf(activation.base, activation, names)) initializers.set(name, value);
    nodes.push(
      makeNode('Clip', [tensor, names.least, names.most], [`${tensor}/clipped to grid`]),
      snapNode(`${tensor}/clipped to grid`, names.scale, `${tensor}/snapped`),
    );
    renamed.set(tensor, `${tensor}/snapped`);
  }
  const rewired = graph.nodes.map((each) => ({ ...each, inputs: each.inputs.map((name) => renamed.get(name) ?? name) }));
  const whole = { ...graph, initializers, nodes: [...rewired, ...nodes] };
  return {
    tail: {
      ...tail,
      model: { ...tail.model, graph: { ...whole, nodes: sorted(whole) } },
      fixed: watched.flatMap(({ names }) => [names.scale, names.least, names.most]),
    },
    watched: watched.map(({ activation }) => activation.tensor),
    gridsFor: (ranges) =>
      new Map(
        watched.flatMap(({ activation, names }) => {
          const range = ranges.get(activation.tensor);
          return valuesOf((range === undefined ? null : gridFor(tail, activation, range)) ?? activation.base, activation, names);
        }),
      ),
  };
}

/**
 * Every activation once. Not the logits and what follows: their grid is chosen for a range that the loss itself sets, and rounding them only
 * hides from it which class is ahead.
 */
function watchedActivations(tail: FloatTail): readonly Watched[] {
  const ends = new Set([tail.logits]);
  for (const node of tail.model.graph.nodes)
    if (node.inputs.some((name) => ends.has(name))) for (const name of node.outputs) ends.add(name);
  const seen = new Set<string>();
  return tail.activations.flatMap((activation) => {
    const { tensor } = activation;
    if (seen.has(tensor) || ends.has(tensor) || tensor === tail.input) return [];
    seen.add(tensor);
    return [{ activation, names: { scale: `${tensor}/grid scale`, least: `${tensor}/grid least`, most: `${tensor}/grid most` } }];
  });
}

function valuesOf({ scale, zeroPoint }: Grid, { base }: ActivationScale, names: Watched['names']): readonly (readonly [string, Tensor])[] {
  const [low, high] = limitsOf(base.dtype);
  return [
    [names.scale, floatScalar(scale)],
    [names.least, floatScalar((low - zeroPoint) * scale)],
    [names.most, floatScalar((high - zeroPoint) * scale)],
  ];
}

/** The axis of one scale a channel in the float tensor; null where one scale serves all. As `requantize` decides. */
function channelAxis(tail: FloatTail, name: string, origin: WeightOrigin, rank: number): number | null {
  const axis = gridAxis(origin, name === tail.head?.weight);
  return axis === null ? null : Math.min(axis, rank - 1);
}

function floatScalar(value: number): Tensor {
  return { dtype: 'float32', dims: [], data: Float32Array.of(value) };
}
