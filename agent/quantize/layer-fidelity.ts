// How much of each layer's result is left after quantization: both models run on the same inputs, and the signal-to-noise ratio of every
// activation with a scale of its own is taken, the worst first.

import { openPart } from '../model/part.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { value } from '../onnx/made/build.ts';
import type { QuantizationPlan } from '../onnx/quantize/plan.ts';
import { dequantizedName, freeTag } from '../onnx/quantize/quantize-model.ts';
import { view } from '../onnx/view.ts';
import type { Runtime } from '../runtime/runtime.ts';

export interface LayerFidelity {
  /** Tensor of the float model. */
  readonly tensor: string;
  /** Node that computes it in the quantized model. */
  readonly node: string;
  readonly op: string;
  /** 10·log10(Σ float² / Σ (float − int8)²); 20 is a tenth, 40 a hundredth. */
  readonly decibels: number;
}

export async function compareLayers(
  plan: QuantizationPlan,
  quantized: Model,
  inputs: readonly Tensor[],
  runtime: Runtime,
): Promise<readonly LayerFidelity[]> {
  const [input = ''] = plan.model.graph.inputs.map(({ name }) => name);
  const [output = ''] = plan.model.graph.outputs.map(({ name }) => name);
  const ends = new Set([output, ...[...plan.scaleOf].filter(([name, root]) => name === root && name !== input).map(([name]) => name)]);
  const names = [...ends];
  const tag = freeTag(plan.model.graph);
  const seen = (name: string) => (plan.scaleOf.has(name) ? dequantizedName(name, tag) : name);
  const watch = (model: Model, outputs: readonly string[]): Model => ({
    ...model,
    graph: { ...model.graph, outputs: outputs.map((name) => value(name, null)) },
  });
  await using float = await openPart(runtime, watch(plan.model, names), { label: 'the float model' });
  await using integer = await openPart(runtime, watch(quantized, names.map(seen)), { label: 'the quantized model' });
  const sums = new Map(names.map((name) => [name, { signal: 0, noise: 0 }]));
  for (const x of inputs) {
    const a = await float.session.run({ [input]: x });
    const b = await integer.session.run({ [input]: x });
    for (const [name, sum] of sums) {
      const exact = (a[name] as Tensor).data as Float32Array;
      const coarse = (b[seen(name)] as Tensor).data as Float32Array;
      for (let at = 0; at < exact.length; at += 1) {
        sum.signal += exact[at]! ** 2;
        sum.noise += (exact[at]! - coarse[at]!) ** 2;
      }
    }
  }
  const whole = view(quantized.graph);
  return [...sums]
    .map(([name, { signal, noise }]) => {
      const maker = whole.producer(name);
      // Equal to the last bit is 200 dB, so that the number stays one in JSON.
      const decibels = noise === 0 ? 200 : 10 * Math.log10(signal / noise);
      return { tensor: name, node: maker?.name || name, op: maker?.op ?? '', decibels };
    })
    .sort((a, b) => a.decibels - b.decibels);
}
