// How far integer weights and inputs move the mean of what each layer gives: a graph that computes every layer twice from the same float
// input, once in float and once quantized. The mean difference a channel, taken off again, is the bias correction (Nagel et al. 2019).

import type { Range } from '../forms/activation-scale.ts';
import type { Model, Node, Tensor } from '../ir.ts';
import { node as build, value } from '../made/build.ts';
import type { QuantizationPlan } from './plan.ts';
import { activationSteps, addLayer, freeTag, type QuantizeOptions } from './quantize-model.ts';

export interface CorrectionProbe {
  /** The float model, with every layer's two results as its outputs. */
  readonly model: Model;
  /** First output of the layer's node → tensor with the quantized result. */
  readonly pairs: ReadonlyMap<string, string>;
}

export function correctionProbe(plan: QuantizationPlan, ranges: ReadonlyMap<string, Range>, options: QuantizeOptions): CorrectionProbe {
  const { graph } = plan.model;
  const steps = activationSteps(plan, ranges, options);
  const tag = freeTag(graph);
  const initializers = new Map(graph.initializers);
  const nodes: Node[] = [];
  const pairs = new Map<string, string>();
  for (const node of plan.nodes) {
    nodes.push(node);
    const [y = ''] = node.outputs;
    const layer = plan.layers.get(y);
    const step = steps.get(plan.scaleOf.get(layer?.input ?? '') ?? '');
    // A layer without a bias to correct needs no second run.
    if (layer === undefined || step === undefined || !isCorrectable(layer)) continue;
    const dtype = options.activations ?? 'uint8';
    const [scale, zero, rounded, probe] = ['scale', 'zero', 'rounded', 'quantized'].map((what) => `${y}/probe ${what}`) as [
      string,
      string,
      string,
      string,
    ];
    initializers.set(scale, { dtype: 'float32', dims: [], data: Float32Array.of(step.scale) });
    initializers.set(zero, { dtype, dims: [], data: dtype === 'uint8' ? Uint8Array.of(step.zeroPoint) : Int8Array.of(step.zeroPoint) });
    nodes.push(
      build('QuantizeLinear', [layer.input, scale, zero], [`${rounded} q`]),
      build('DequantizeLinear', [`${rounded} q`, scale, zero], [rounded]),
    );
    const weights = addLayer(initializers, nodes, tag, layer, step, { ...options, corrections: new Map() });
    nodes.push({ ...node, name: probe, inputs: [rounded, ...weights], outputs: [probe] });
    pairs.set(y, probe);
  }
  const outputs = [...pairs].flatMap(([y, probe]) => [value(y, null), value(probe, null)]);
  return { model: { ...plan.model, graph: { ...graph, nodes, initializers, outputs, valueInfo: [] } }, pairs };
}

function isCorrectable({
  bias,
  takesBias,
  addition,
}: {
  readonly bias: string | null;
  readonly takesBias: boolean;
  readonly addition: Node | null;
}): boolean {
  return bias !== null || takesBias || addition !== null;
}

/** Running sums of float minus quantized result, one a channel. */
export interface ShiftSum {
  readonly sums: Float64Array;
  count: number;
}

/** Adds one run to a sum, in place. Channels lie on axis 1 for convolutions, on the last one otherwise. */
export function addShift(total: ShiftSum, float: Tensor, quantized: Tensor, isConvolution: boolean): void {
  const channels = total.sums.length;
  const inner = isConvolution ? float.dims.slice(2).reduce((a, b) => a * b, 1) : 1;
  const a = float.data as Float32Array;
  const b = quantized.data as Float32Array;
  for (let index = 0; index < a.length; index += 1) total.sums[Math.floor(index / inner) % channels]! += a[index]! - b[index]!;
  total.count += a.length / channels;
}

export function meanShift({ sums, count }: ShiftSum): Float32Array {
  return Float32Array.from(sums, (sum) => (count === 0 ? 0 : sum / count));
}
