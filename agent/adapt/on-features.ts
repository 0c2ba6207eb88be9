// What a model gives for captures whose features are at hand: the part behind the tensor of the features, one sample at a time.

import { openPart } from '../model/part.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { findCut } from '../onnx/surgery/cut.ts';
import { splitModel } from '../onnx/surgery/split.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { FeatureSet } from '../types.ts';

/** [count, columns]. `tensor` is where the features stand in the model. */
export async function outputsOnFeatures(
  model: Model,
  tensor: string,
  { features, count, width }: Pick<FeatureSet, 'features' | 'count' | 'width'>,
  runtime: Runtime,
): Promise<Float32Array> {
  const { tail } = splitModel(model, findCut(model, { kind: 'tensor', tensor }));
  await using part = await openPart(runtime, tail, { label: 'the tail' });
  const [input = ''] = part.session.inputNames;
  const [output = ''] = part.session.outputNames;
  const rows: Float32Array[] = [];
  for (let row = 0; row < count; row += 1) {
    const data = features.slice(row * width, (row + 1) * width);
    rows.push(((await part.session.run({ [input]: { dtype: 'float32', dims: [1, width], data } }))[output] as Tensor).data as Float32Array);
  }
  const columns = rows[0]?.length ?? 0;
  const outputs = new Float32Array(count * columns);
  for (const [row, values] of rows.entries()) outputs.set(values, row * columns);
  return outputs;
}
