// What makes the numbers that a model gives of its logits, found by looking back from its output; changes nothing.
import type { Model } from '../ir.ts';
import { is } from '../operator-traits.ts';
import { view } from '../view.ts';
import type { FloatTail } from './tail.ts';

const named: Readonly<Record<string, FloatTail['activation']>> = { Softmax: 'softmax', LogSoftmax: 'log-softmax', Sigmoid: 'sigmoid' };

/** Of the first output. Whatever only reshapes, converts or quantizes may stand behind the activation. */
export function lastActivation({ graph }: Model): FloatTail['activation'] {
  const seen = view(graph);
  let node = seen.producer(graph.outputs[0]?.name ?? '');
  while (node !== undefined && is(node, 'view', 'converts')) node = seen.producer(node.inputs[0] ?? '');
  const op = node?.op.replace(/^QLinear/, '') ?? '';
  return Object.hasOwn(named, op) ? named[op]! : 'none';
}
