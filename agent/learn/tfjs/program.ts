// A float tail as a function of TensorFlow.js tensors, for one batch size: shape arithmetic is done beforehand, by the same draft that writes
// training steps, so that only real operators are left. Refuses the first operator that the table lacks, by node.

import { Draft } from '../../autodiff/draft.ts';
import { operatorKey } from '../../autodiff/families.ts';
import { type TrainableTail, trainableOf } from '../../autodiff/trainable.ts';
import { WhetError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../onnx/ir.ts';
import { type Call, refuse } from './call.ts';
import type { TensorFlow, TfTensor } from './load.ts';
import { operators } from './operators.ts';

/** `values` holds the features under the tail's input and every trained parameter, statistic and fixed value; gives every value computed. */
export type Program = (values: ReadonlyMap<string, TfTensor>) => ReadonlyMap<string, TfTensor>;

export function programOf(tf: TensorFlow, tail: TrainableTail, batch: number): Program {
  const trainable = trainableOf(tail);
  const draft = new Draft();
  draft.declare(tail.input, [batch, ...trainable.sample]);
  for (const { name, dims } of [...trainable.parameters, ...trainable.statistics]) draft.declare(name, dims);
  for (const [name, { dims, dtype }] of trainable.fixed) draft.declare(name, dims, dtype);
  for (const [name, tensor] of trainable.constants) draft.constant(name, tensor);
  for (const node of trainable.nodes) draft.add(node);
  const wanted = [tail.logits, ...trainable.statistics.map(({ next }) => next)];
  const { nodes, initializers } = draft.finish(wanted);
  for (const node of nodes) if (!operators.has(operatorKey(node))) refuse(node, 'the operator is not in its table');

  return (values) => {
    const held = new Map(values);
    const read = (name: string): TfTensor | null => {
      if (name === '') return null;
      const known = held.get(name);
      if (known !== undefined) return known;
      const constant = initializers.get(name);
      if (constant === undefined) throw new WhetError('internal', `no value '${name}' for the engine tfjs`);
      held.set(name, tensorOf(tf, constant));
      return held.get(name) as TfTensor;
    };
    for (const node of nodes) {
      const inputs = node.inputs.map(read);
      const [x] = inputs;
      if (x == null) refuse(node, 'it has no input');
      const call: Call = { tf, node, x, inputs, ints: (at) => draft.knownInts(node.inputs[at] ?? '') };
      const results = [operators.get(operatorKey(node))?.(call) ?? []].flat() as readonly TfTensor[];
      for (const [at, name] of node.outputs.entries()) {
        const result = results[at];
        // A value that passes through becomes one of its own, so that it has a gradient.
        if (name !== '' && result !== undefined) held.set(name, inputs.includes(result) ? tf.clone(result) : result);
      }
    }
    return held;
  };
}

/** Integers become int32, the only ones that TensorFlow.js has. */
export function tensorOf(tf: TensorFlow, { dtype, dims, data }: Tensor): TfTensor {
  const shape = [...dims];
  if (dtype === 'float32') return tf.tensor(data as Float32Array, shape, 'float32');
  if (dtype === 'bool') return tf.tensor(Uint8Array.from(data as Uint8Array), shape, 'bool');
  const numbers = Array.from({ length: sizeOf(dims) }, (_, at) => Number((data as Float64Array)[at]));
  return tf.tensor(numbers, shape, dtype === 'float64' ? 'float32' : 'int32');
}
