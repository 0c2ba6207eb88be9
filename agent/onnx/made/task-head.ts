// Heads that are no classifiers, put behind a backbone as plain ONNX that every runtime runs, from opset 7 on: a linear layer whose outputs are
// quantities, and the distance of a sample from what is normal.

import type { Model, Node, Tensor } from '../ir.ts';
import { node, value } from './build.ts';

export interface Backbone {
  readonly model: Model;
  readonly features: string;
  readonly width: number;
}

/** output = features · weights + bias; weights are [width, columns]. */
export function withRegressionHead(backbone: Backbone, weights: Float32Array, bias: Float32Array): Model {
  const { features, width } = backbone;
  const constants: readonly (readonly [string, Tensor])[] = [
    ['head.weight', float([width, bias.length], weights)],
    ['head.bias', float([bias.length], bias)],
  ];
  return withHead(
    backbone,
    [node('Gemm', [features, 'head.weight', 'head.bias'], ['value'], {}, { name: 'head' })],
    constants,
    'value',
    bias.length,
  );
}

export interface DistanceParameters {
  /** [width]. */
  readonly mean: Float32Array;
  /** [width, rank]: directions in which normal samples vary, each scaled so that its squared projection is what is taken off. */
  readonly directions: Float32Array;
  /** Factor on the squared distance outside of them. */
  readonly outside: number;
}

/** score = √(outside·‖z‖² − ‖z·directions‖²) with z = features − mean, [n, 1]. */
export function withAnomalyHead(backbone: Backbone, { mean, directions, outside }: DistanceParameters): Model {
  const { features, width } = backbone;
  const rank = directions.length / width;
  const nodes = [
    node('Sub', [features, 'normal.mean'], ['normal.offset'], {}, { name: 'offset' }),
    node('Mul', ['normal.offset', 'normal.offset'], ['normal.squares']),
    node('MatMul', ['normal.squares', 'normal.outside'], ['normal.all'], {}, { name: 'all' }),
    node('MatMul', ['normal.offset', 'normal.directions'], ['normal.projections'], {}, { name: 'projections' }),
    node('Mul', ['normal.projections', 'normal.projections'], ['normal.projected']),
    node('MatMul', ['normal.projected', 'normal.ones'], ['normal.usual'], {}, { name: 'usual' }),
    node('Sub', ['normal.all', 'normal.usual'], ['normal.difference']),
    // Rounding may leave a little less than nothing.
    node('Relu', ['normal.difference'], ['normal.square']),
    node('Sqrt', ['normal.square'], ['score'], {}, { name: 'score' }),
  ];
  const constants: readonly (readonly [string, Tensor])[] = [
    ['normal.mean', float([width], mean)],
    ['normal.outside', float([width, 1], new Float32Array(width).fill(outside))],
    ['normal.directions', float([width, rank], directions)],
    ['normal.ones', float([rank, 1], new Float32Array(rank).fill(1))],
  ];
  return withHead(backbone, nodes, constants, 'score', 1);
}

function withHead(
  { model, features }: Backbone,
  nodes: readonly Node[],
  constants: readonly (readonly [string, Tensor])[],
  output: string,
  columns: number,
): Model {
  const { graph } = model;
  const taken = new Set([
    ...graph.initializers.keys(),
    ...graph.inputs.map(({ name }) => name),
    ...graph.nodes.flatMap((each) => each.outputs),
  ]);
  const prefix = [output, ...constants.map(([name]) => name), ...nodes.flatMap((each) => each.outputs)].some((name) => taken.has(name))
    ? 'task/'
    : '';
  const rename = (name: string) => (name === features ? name : `${prefix}${name}`);
  const batch = graph.inputs[0]?.shape?.[0] ?? null;
  return {
    ...model,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...nodes.map((each) => ({ ...each, inputs: each.inputs.map(rename), outputs: each.outputs.map(rename) }))],
      initializers: new Map([...graph.initializers, ...constants.map(([name, tensor]) => [rename(name), tensor] as const)]),
      outputs: [value(rename(output), [batch, columns])],
    },
  };
}

function float(dims: readonly number[], data: Float32Array): Tensor {
  return { dtype: 'float32', dims, data };
}
