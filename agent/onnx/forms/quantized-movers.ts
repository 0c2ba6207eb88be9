// Operators that pass quantized values on as they are, so that what they give has the scale of what they got.
import type { Node } from '../ir.ts';

export const movers: ReadonlySet<string> = new Set([
  'Reshape',
  'Flatten',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Identity',
  'Dropout',
  'MaxPool',
  'Slice',
  'Gather',
  'Relu',
  'Clip',
]);

/** The tensor whose scale `name` has: follows movers back to whatever computed the values. */
export function quantizedRoot(produced: ReadonlyMap<string, Node>, name: string): string {
  let root = name;
  for (let producer = produced.get(root); producer !== undefined && movers.has(producer.op); producer = produced.get(root)) {
    root = producer.inputs[0] ?? '';
  }
  return root;
}
