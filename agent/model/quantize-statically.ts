// A float model and real inputs → the int8 model: prepare, plan, calibrate, correct biases, quantize. What `whet quantize` and the scripts that
// make the shipped models do. Refuses quantized models, and tensors that are not finite on the data.

import type { Range } from '../onnx/forms/activation-scale.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import type { RangeMethod } from '../onnx/quantize/choose-range.ts';
import { addShift, correctionProbe, meanShift, type ShiftSum } from '../onnx/quantize/correction.ts';
import { type PlanOptions, planQuantization, type QuantizationPlan, rangedTensors } from '../onnx/quantize/plan.ts';
import { prepareFloat } from '../onnx/quantize/prepare.ts';
import { type QuantizeOptions, quantizeModel } from '../onnx/quantize/quantize-model.ts';
import { createRuntime, type Runtime } from '../runtime/runtime.ts';
import type { Progress } from '../types.ts';
import { calibrate } from './calibrate.ts';
import { openPart } from './part.ts';

export interface StaticOptions extends PlanOptions, Omit<QuantizeOptions, 'corrections'> {
  /** How activation ranges are chosen; everything seen unless told. */
  readonly ranges?: RangeMethod;
  readonly biasCorrection?: boolean;
  /** One thread on the processor unless told. */
  readonly runtime?: Runtime;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface StaticQuantization {
  readonly model: Model;
  readonly plan: QuantizationPlan;
  readonly ranges: ReadonlyMap<string, Range>;
  /** Largest bias correction, in units of the layer's own output; 0 without. */
  readonly largestCorrection: number;
}

/** `inputs` are tensors of the model's one input, of any batch size that it takes. */
export async function quantizeStatically(
  float: Model,
  inputs: readonly Tensor[],
  options: StaticOptions = {},
): Promise<StaticQuantization> {
  const { runtime = createRuntime(), progress, signal } = options;
  const plan = planQuantization(prepareFloat(float), options);
  const method = options.ranges ?? { kind: 'minmax' };
  const ranges = await calibrate(plan.model, rangedTensors(plan), inputs, { method, runtime, progress, signal });
  const corrections =
    options.biasCorrection === true ? await measureShifts(plan, ranges, inputs, options) : new Map<string, Float32Array>();
  const largestCorrection = [...corrections.values()].reduce((most, shift) => shift.reduce((a, b) => Math.max(a, Math.abs(b)), most), 0);
  return { model: quantizeModel(plan, ranges, { ...options, corrections }), plan, ranges, largestCorrection };
}

/** What each layer's mean loses by being quantized, a channel. */
async function measureShifts(
  plan: QuantizationPlan,
  ranges: ReadonlyMap<string, Range>,
  inputs: readonly Tensor[],
  { runtime = createRuntime(), progress, signal, ...options }: StaticOptions,
): Promise<ReadonlyMap<string, Float32Array>> {
  const { activations, perChannel, reduceRange } = options;
  const wanted = Object.fromEntries(Object.entries({ activations, perChannel, reduceRange }).filter(([, chosen]) => chosen !== undefined));
  const probe = correctionProbe(plan, ranges, wanted);
  const totals = new Map<string, ShiftSum>(
    [...probe.pairs.keys()].map((y) => [y, { sums: new Float64Array(plan.layers.get(y)?.channels ?? 0), count: 0 }]),
  );
  if (totals.size === 0) return new Map();
  const [input = ''] = plan.model.graph.inputs.map(({ name }) => name);
  await using part = await openPart(runtime, probe.model, { label: 'float and quantized layers side by side' });
  for (const [index, x] of inputs.entries()) {
    signal?.throwIfAborted();
    const results = await part.session.run({ [input]: x });
    for (const [y, quantized] of probe.pairs) {
      const isConvolution = plan.layers.get(y)?.node.op.startsWith('Conv') === true;
      addShift(totals.get(y) as ShiftSum, results[y] as Tensor, results[quantized] as Tensor, isConvolution);
    }
    progress?.(index + 1, inputs.length, 'bias correction');
  }
  return new Map([...totals].map(([y, total]) => [y, meanShift(total)]));
}
