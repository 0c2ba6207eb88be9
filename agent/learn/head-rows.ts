// What enters the last linear layer: the features themselves where the cut lies right before it, else features pushed through the frozen
// part of the tail. Also reads and writes the layer's weights in one layout, [width, classes]. Refuses tails without a linear head.

import { WhetError } from '../errors.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import { extract } from '../onnx/graph.ts';
import type { Tensor } from '../onnx/ir.ts';
import { value } from '../onnx/made/build.ts';
import type { FloatTail, LinearHead } from '../onnx/surgery/tail.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { floatTensor, type Rows } from './ridge/gather.ts';
import type { RidgeFit } from './ridge/ridge.ts';

const batch = 64;

export function requireHead(tail: FloatTail): LinearHead {
  if (tail.head !== null) return tail.head;
  throw new WhetError('model-unsupported', 'the closed form needs a tail that ends in a linear layer (Gemm or MatMul)', {
    hint: 'Use the gradient learner, which trains other layers too.',
  });
}

/** Rows [count, head.width]. Deterministic: the frozen part does not train. */
export async function headRows(tail: FloatTail, rows: Rows, runtime: Runtime): Promise<Rows> {
  const head = requireHead(tail);
  if (head.input === tail.input && rows.width === head.width) return rows;
  const out = new Float32Array(rows.count * head.width);
  const frozen = extract(tail.model, tail.model.graph.inputs, [value(head.input, ['batch', head.width])]);
  // With no node between them, input and output of the frozen part would be one tensor: only the shape differs, and rows are flat anyway.
  if (frozen.graph.nodes.length === 0) return { ...rows, width: head.width };
  await using session = await runtime.open(encodeModel(frozen), { label: 'the frozen part of the tail' });
  for (let from = 0; from < rows.count; from += batch) {
    const count = Math.min(batch, rows.count - from);
    const some = rows.features.subarray(from * rows.width, (from + count) * rows.width);
    const result = await session.run({ [tail.input]: floatTensor(featureShape(tail, count, rows.width), some) });
    out.set(result[head.input]?.data as Float32Array, from * head.width);
  }
  return { ...rows, features: out, width: head.width };
}

/** Shape of `count` samples of `width` elements at the tail's input; at most one dimension besides the batch may be open. */
export function featureShape(tail: FloatTail, count: number, width: number): readonly number[] {
  const dims = tail.model.graph.inputs[0]?.shape?.slice(1) ?? [null];
  const known = dims.reduce<number>((product, dim) => product * (typeof dim === 'number' && dim > 0 ? dim : 1), 1);
  const open = dims.filter((dim) => typeof dim !== 'number' || dim <= 0).length;
  if (open > 1 || width % known !== 0 || (open === 0 && known !== width)) {
    throw new WhetError('model-unsupported', `features of ${width} numbers do not fit the tail's input [batch, ${dims.join(', ')}]`, {
      hint: 'Name another cut with --cut, behind the pooling layer.',
    });
  }
  return [count, ...dims.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : width / known))];
}

/** The head's present weights; the bias is zero where the layer has none. */
export function readHead(tail: FloatTail): RidgeFit {
  const head = requireHead(tail);
  const { initializers } = tail.model.graph;
  const stored = initializers.get(head.weight)?.data as Float32Array;
  const weights = head.layout === 'in-out' ? stored : transposed(stored, head.classes, head.width);
  const bias = head.bias === null ? new Float32Array(head.classes) : (initializers.get(head.bias)?.data as Float32Array);
  return { weights, bias };
}

/** New values of the head's parameters, as FittedTail.weights wants them. */
export function writeHead(tail: FloatTail, fit: RidgeFit): ReadonlyMap<string, Tensor> {
  const head = requireHead(tail);
  const { initializers } = tail.model.graph;
  const like = (name: string, data: Float32Array): [string, Tensor] => [name, { ...(initializers.get(name) as Tensor), data }];
  const weights = head.layout === 'in-out' ? fit.weights : transposed(fit.weights, head.width, head.classes);
  return new Map([like(head.weight, weights), ...(head.bias === null ? [] : [like(head.bias, fit.bias)])]);
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1) out[column * rows + row] = matrix[row * columns + column]!;
  return out;
}
