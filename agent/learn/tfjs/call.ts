// One operator of a tail, applied to TensorFlow.js tensors: what the tables of the engine `tfjs` are written with, and how they refuse.

import { WhetError } from '../../errors.ts';
import { intsAttribute, nodeTitle, normalAxis } from '../../onnx/attributes.ts';
import type { Node } from '../../onnx/ir.ts';
import type { TensorFlow, TfTensor } from './load.ts';

/** One application of an operator. */
export interface Call {
  readonly tf: TensorFlow;
  readonly node: Node;
  /** The first input. */
  readonly x: TfTensor;
  /** null where an optional input is left out. */
  readonly inputs: readonly (TfTensor | null)[];
  /** An integer input that is known beforehand (axes, shapes); null where it is absent. */
  ints(input: number): readonly number[] | null;
}

export type Operator = (call: Call) => TfTensor | readonly TfTensor[];

/** Names what cannot be done, and where. */
export function refuse(node: Node, what: string): never {
  throw new WhetError('operator-unsupported', `the engine tfjs cannot train node ${nodeTitle(node)}: ${what}`, {
    hint: 'Use the engine onnx, or train fewer layers (--layers).',
  });
}

export function input(call: Call, at: number): TfTensor {
  return call.inputs[at] ?? refuse(call.node, `its input ${at} is missing`);
}

/** Axes of a reduction: an attribute before they became an input. */
export function axesOf(call: Call, at: number): readonly number[] | null {
  const axes = call.ints(at) ?? intsAttribute(call.node, 'axes');
  return axes?.map((axis) => normalAxis(axis, call.x.rank)) ?? null;
}

/** Tensors stretched to the shape that they have together: some gradients of TensorFlow.js do not sum over broadcast axes. */
export function stretched(tf: TensorFlow, tensors: readonly TfTensor[]): TfTensor[] {
  const shape = tensors.map((tensor) => tensor.shape).reduce(broadcast, []);
  return tensors.map((tensor) => (String(tensor.shape) === String(shape) ? tensor : tf.broadcastTo(tensor, shape)));
}

export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, at) => Math.max(a[a.length - rank + at] ?? 1, b[b.length - rank + at] ?? 1));
}
