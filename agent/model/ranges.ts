// What `requantize` has to know of a trained tail: the least and largest value of every tensor whose scale the model fixes, over features.

import { calibrationTensors, type Range } from '../onnx/forms/activation-scale.ts';
import type { Tensor } from '../onnx/ir.ts';
import { value } from '../onnx/made/build.ts';
import { widenRange } from '../onnx/quantize/histogram.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import { withWeights } from '../onnx/weights.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { openPart } from './part.ts';

const batch = 256;
/** Ranges always hold 0, so that zero stays exact. */
const zero: Range = { min: 0, max: 0 };

/** `rows` are features, [count, width]; shape is that of one sample, with a batch of 1. Empty where the model fixes no scale. */
export async function measureRanges(
  tail: FloatTail,
  weights: ReadonlyMap<string, Tensor>,
  rows: { readonly features: Float32Array; readonly count: number; readonly width: number },
  shape: readonly number[],
  runtime: Runtime,
): Promise<ReadonlyMap<string, Range>> {
  const names = calibrationTensors(tail);
  const ranges = new Map<string, Range>();
  if (names.length === 0) return ranges;
  const { model } = withWeights(tail, weights);
  const watched = { ...model, graph: { ...model.graph, outputs: names.map((name) => value(name, null)) } };
  await using part = await openPart(runtime, watched, { label: 'the float tail' });
  for (let from = 0; from < rows.count; from += batch) {
    const count = Math.min(batch, rows.count - from);
    const data = rows.features.subarray(from * rows.width, (from + count) * rows.width);
    const result = await part.session.run({ [tail.input]: { dtype: 'float32', dims: [count, ...shape.slice(1)], data } });
    for (const name of names) ranges.set(name, widenRange(ranges.get(name) ?? zero, (result[name] as Tensor).data as Float32Array));
  }
  return ranges;
}
