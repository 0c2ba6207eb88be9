// What of a float tail enters training: the nodes that lead to the logits, the parameters they use, and the shapes at both ends.
// Refuses a tail whose features or logits have no fixed shape but for the batch.

import { WhetError } from '../errors.ts';
import { intAttribute } from '../onnx/attributes.ts';
import { extract } from '../onnx/graph.ts';
import { type Dim, type Graph, type Model, type Node, nodeKey, type Tensor } from '../onnx/ir.ts';
import { graph, model, value } from '../onnx/made/build.ts';
import type { FloatTail, TailParameter } from '../onnx/surgery/tail.ts';
import { expandSnaps } from './snap.ts';

export type TrainableTail = Pick<FloatTail, 'model' | 'input' | 'logits' | 'parameters'> & {
  /** Initializers that are fed anew with every run and not trained: scales of activations, for example. */
  readonly fixed?: readonly string[];
};

/** A running mean or variance: an initializer, and the value that takes its place after a step. */
export interface Statistic {
  readonly name: string;
  readonly next: string;
  readonly dims: readonly number[];
}

export interface Trainable {
  readonly nodes: readonly Node[];
  readonly parameters: readonly TailParameter[];
  /** Of BatchNormalization nodes in training mode. */
  readonly statistics: readonly Statistic[];
  /** What is fed with every run, with its value in the model. */
  readonly fixed: ReadonlyMap<string, Tensor>;
  /** Initializers that stay as they are. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** Shape of one sample's features. */
  readonly sample: readonly number[];
  readonly opsets: ReadonlyMap<string, number>;
  readonly irVersion: number;
}

export function trainableOf(tail: TrainableTail): Trainable {
  const input = tail.model.graph.inputs.find((info) => info.name === tail.input);
  const sample = input?.shape?.slice(1);
  if (input === undefined || sample === undefined || !sample.every((dim) => typeof dim === 'number')) {
    throw new WhetError(
      'model-unsupported',
      `the features '${tail.input}' have no fixed shape: [${input?.shape?.join(', ') ?? 'unknown'}]`,
      {
        hint: 'Only the first dimension, the batch, may be dynamic where training begins.',
      },
    );
  }
  const piece = extract(tail.model, [input], [value(tail.logits, null)]);
  const used = tail.parameters.filter((parameter) => piece.graph.initializers.has(parameter.name));
  const statistics = statisticsOf(piece.graph);
  const fixed = new Map([...piece.graph.initializers].filter(([name]) => tail.fixed?.includes(name)));
  const fed = new Set([...used, ...statistics].map(({ name }) => name).concat(...fixed.keys()));
  return {
    nodes: piece.graph.nodes,
    parameters: used,
    statistics,
    fixed,
    constants: new Map([...piece.graph.initializers].filter(([name]) => !fed.has(name))),
    sample: sample as readonly number[],
    opsets: tail.model.opsets,
    irVersion: tail.model.irVersion,
  };
}

/** The tail with the shape of one sample's features spelled out. */
export function bindFeatures<T extends Pick<TrainableTail, 'model' | 'input'>>(tail: T, sample: readonly number[]): T {
  const shape: readonly Dim[] = ['batch', ...sample];
  const inputs = tail.model.graph.inputs.map((info) => (info.name === tail.input ? { ...info, shape } : info));
  return { ...tail, model: { ...tail.model, graph: { ...tail.model.graph, inputs } } };
}

function statisticsOf({ nodes, initializers }: Graph): readonly Statistic[] {
  return nodes.filter(isTraining).flatMap((node) =>
    [1, 2].map((output): Statistic => {
      const name = node.inputs[output + 2] ?? '';
      const next = node.outputs[output] ?? '';
      const value = initializers.get(name);
      if (value !== undefined && next !== '') return { name, next, dims: value.dims };
      const what = value === undefined ? `its statistics '${name}' are computed` : 'it does not give its running statistics';
      throw new WhetError('operator-unsupported', `BatchNormalization '${node.name || nodeKey(node)}' in training mode: ${what}`, {
        hint: 'Export the model for inference, or with three outputs of the node and constant statistics.',
      });
    }),
  );
}

function isTraining(node: Node): boolean {
  return node.op === 'BatchNormalization' && intAttribute(node, 'training_mode', 0) !== 0;
}

/**
 * The tail as a function of its parameters: inputs are the features [n, …], every trained parameter, running statistic and fixed value, under
 * their own names; the one output is the logits. Weights must be inputs: the runtime ignores a feed that would override an initializer.
 * Normalizations use their running statistics.
 */
export function forwardModel(tail: TrainableTail): Model {
  const { nodes, parameters, statistics, fixed, constants, sample, opsets, irVersion } = trainableOf(tail);
  const fed = [...parameters, ...statistics].map(({ name, dims }) => value(name, dims));
  const body = graph('forward', {
    inputs: [value(tail.input, ['samples', ...sample]), ...fed, ...[...fixed].map(([name, { dtype, dims }]) => value(name, dims, dtype))],
    outputs: [value(tail.logits, null)],
    nodes: nodes.map(atInference),
    initializers: constants,
  });
  return { ...model(expandSnaps(body)), opsets, irVersion };
}

function atInference(node: Node): Node {
  if (!isTraining(node)) return node;
  const { training_mode: _mode, ...attributes } = node.attributes;
  return { ...node, outputs: node.outputs.slice(0, 1), attributes };
}
