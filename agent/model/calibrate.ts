// Runs a float model over inputs and gives the range of each wanted tensor. Outliers are judged in a second run, on histograms, so that memory
// does not grow with the data.

import type { Range } from '../onnx/forms/activation-scale.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { value } from '../onnx/made/build.ts';
import { chooseRange, type RangeMethod } from '../onnx/quantize/choose-range.ts';
import { countValues, emptyHistogram, type Histogram, widenRange } from '../onnx/quantize/histogram.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Progress } from '../types.ts';
import { openPart } from './part.ts';

export interface CalibrateOptions {
  readonly method: RangeMethod;
  readonly runtime: Runtime;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `inputs` are tensors of the model's one input, of any batch size that it takes. Ranges always hold 0. */
export async function calibrate(
  model: Model,
  tensors: readonly string[],
  inputs: readonly Tensor[],
  { method, runtime, progress, signal }: CalibrateOptions,
): Promise<ReadonlyMap<string, Range>> {
  const input = model.graph.inputs[0]?.name ?? '';
  const computed = tensors.filter((name) => name !== input);
  const outputs = computed.map((name) => value(name, null));
  const watched: Model = { ...model, graph: { ...model.graph, outputs: outputs.length > 0 ? outputs : model.graph.outputs } };
  await using part = await openPart(runtime, watched, { label: 'the float model' });
  const passes = method.kind === 'minmax' ? 1 : 2;
  const visit = async (pass: number, look: (name: string, values: Float32Array) => void) => {
    for (const [index, x] of inputs.entries()) {
      signal?.throwIfAborted();
      const results = { ...(await part.session.run({ [input]: x })), [input]: x };
      for (const name of tensors) look(name, (results[name] as Tensor).data as Float32Array);
      progress?.(pass * inputs.length + index + 1, passes * inputs.length, 'calibration');
    }
  };
  const ranges = new Map<string, Range>(tensors.map((name) => [name, { min: 0, max: 0 }]));
  await visit(0, (name, values) => ranges.set(name, widenRange(ranges.get(name) as Range, values)));
  if (method.kind === 'minmax') return ranges;
  const histograms = new Map<string, Histogram>([...ranges].map(([name, range]) => [name, emptyHistogram(range)]));
  await visit(1, (name, values) => countValues(histograms.get(name) as Histogram, values));
  return new Map([...histograms].map(([name, histogram]) => [name, chooseRange(histogram, method)]));
}
