// What of a float tail enters training: the nodes that lead to the logits, the parameters they use, and the shapes at both ends.
// Refuses a tail whose features or logits have no fixed shape but for the batch.
import { WhetError } from '../errors.ts';
import { graph, model, value } from '../onnx/build.ts';
import { extract } from '../onnx/graph.ts';
import type { Model, Node, Tensor } from '../onnx/ir.ts';
import type { FloatTail, TailParameter } from '../onnx/tail.ts';

export type TrainableTail = Pick<FloatTail, 'model' | 'input' | 'logits' | 'parameters'>;

export interface Trainable {
  readonly nodes: readonly Node[];
  readonly parameters: readonly TailParameter[];
  /** Initializers that are not trained. */
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
  const trained = new Set(used.map((parameter) => parameter.name));
  return {
    nodes: piece.graph.nodes,
    parameters: used,
    constants: new Map([...piece.graph.initializers].filter(([name]) => !trained.has(name))),
    sample: sample as readonly number[],
    opsets: tail.model.opsets,
    irVersion: tail.model.irVersion,
  };
}

/**
 * The tail as a function of its parameters: inputs are the features [n, …] and every trained parameter, under their own names; the one output
 * is the logits. Weights must be inputs: the runtime ignores a feed that would override an initializer.
 */
export function forwardModel(tail: TrainableTail): Model {
  const { nodes, parameters, constants, sample, opsets, irVersion } = trainableOf(tail);
  const body = graph('forward', {
    inputs: [value(tail.input, ['samples', ...sample]), ...parameters.map(({ name, dims }) => value(name, dims))],
    outputs: [value(tail.logits, null)],
    nodes,
    initializers: constants,
  });
  return { ...model(body), opsets, irVersion };
}
