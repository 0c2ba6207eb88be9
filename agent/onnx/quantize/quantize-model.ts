// A plan and the ranges of its activations → the model with QuantizeLinear and DequantizeLinear: int8 weights around zero with one scale a
// channel, int32 biases, 8-bit activations with one scale a tensor. Outputs stay float. Refuses ranges that are missing or not finite.
import { WhetError } from '../../errors.ts';
import type { Range } from '../forms/activation-scale.ts';
import { asymmetricScale, quantizeTensor, symmetricScales } from '../forms/quantized-values.ts';
import { fitBias } from '../forms/stored-weight.ts';
import { extract } from '../graph.ts';
import type { Graph, Model, Node, Tensor } from '../ir.ts';
import { node as build } from '../made/build.ts';
import { is } from '../operator-traits.ts';
import { view } from '../view.ts';
import { additionConstant, type FloatLayer } from './float-layer.ts';
import type { QuantizationPlan } from './plan.ts';

export interface QuantizeOptions {
  /** Type of activations; uint8 unless told. */
  readonly activations?: 'uint8' | 'int8';
  /** One scale a channel for weights; true unless told. */
  readonly perChannel?: boolean;
  /** Keep weights to 7 bits, for x64 processors without VNNI, whose integer products saturate in 16 bits; false unless told. */
  readonly reduceRange?: boolean;
  /** To be added to the bias of each layer (first output of its node → one number a channel): see `correction.ts`. */
  readonly corrections?: ReadonlyMap<string, Float32Array>;
}

export interface ActivationStep {
  readonly scale: number;
  readonly zeroPoint: number;
}

export function quantizeModel(plan: QuantizationPlan, ranges: ReadonlyMap<string, Range>, options: QuantizeOptions = {}): Model {
  const { graph } = plan.model;
  const steps = activationSteps(plan, ranges, options);
  const tag = freeTag(graph);
  const initializers = new Map(graph.initializers);
  const nodes: Node[] = [];
  const dropped = new Set(plan.fused.values());
  const corrections = options.corrections ?? new Map<string, Float32Array>();
  const additions = new Map([...plan.layers].flatMap(([y, { addition }]) => (addition === null ? [] : [[addition, y] as const])));
  const read = (name: string) => (plan.scaleOf.has(name) ? dequantizedName(name, tag) : name);
  const give = (name: string) => {
    const root = plan.scaleOf.get(name);
    if (root === undefined) return;
    const { scale, zeroPoint } = addStep(initializers, root, tag, steps.get(root) as ActivationStep, options.activations ?? 'uint8');
    nodes.push(
      build('QuantizeLinear', [name, scale, zeroPoint], [`${name}/q${tag}`]),
      build('DequantizeLinear', [`${name}/q${tag}`, scale, zeroPoint], [dequantizedName(name, tag)]),
    );
  };
  for (const input of graph.inputs) give(input.name);
  for (const node of plan.nodes) {
    const [y = ''] = node.outputs;
    if (dropped.has(y)) continue;
    const outputs = node.outputs.map((name) => plan.fused.get(name) ?? name);
    const layer = plan.layers.get(y);
    const product = additions.get(node);
    let inputs = node.inputs.map(read);
    if (layer !== undefined)
      inputs = [
        read(layer.input),
        ...addLayer(initializers, nodes, tag, layer, steps.get(plan.scaleOf.get(layer.input) ?? '') as ActivationStep, options),
      ];
    else if (product !== undefined && corrections.has(product)) {
      const constant = additionConstant(node, product);
      const corrected = `${y}/corrected${tag}`;
      initializers.set(corrected, plus(initializers.get(constant) as Tensor, corrections.get(product) as Float32Array));
      inputs = node.inputs.map((name) => (name === constant ? corrected : read(name)));
    }
    nodes.push({ ...node, inputs, outputs });
    for (const name of outputs) give(name);
  }
  return extract({ ...plan.model, graph: { ...graph, nodes, initializers } }, graph.inputs, graph.outputs);
}

/** What the reader of a quantized activation reads. */
export function dequantizedName(name: string, tag: string): string {
  return `${name}/dq${tag}`;
}

/** What goes behind every new name, so that none is taken: '' but for models that were made by this quantizer, or by dequantizing one. */
export function freeTag(graph: Graph): string {
  const names = [...graph.initializers.keys(), ...graph.inputs.map(({ name }) => name), ...graph.nodes.flatMap(({ outputs }) => outputs)];
  let tag = '';
  const isTaken = () => names.some((name) => new RegExp(`/(dq|q|scale|zero|weight|bias|corrected)${tag}(/|$)`).test(name));
  for (let count = 2; isTaken(); count += 1) tag = `:${count}`;
  return tag;
}

/** Scale and zero point of every tensor that decides one. Zero is always exact; what is never negative begins at zero. */
export function activationSteps(
  plan: QuantizationPlan,
  ranges: ReadonlyMap<string, Range>,
  { activations = 'uint8' }: QuantizeOptions,
): ReadonlyMap<string, ActivationStep> {
  const seen = view(plan.model.graph);
  const rectified = new Set(plan.fused.values());
  return new Map(
    [...new Set(plan.scaleOf.values())].map((name): readonly [string, ActivationStep] => {
      // The runtime's integer Softmax and Sigmoid give steps of 1/256.
      if (is(seen.producer(name), 'probability')) return [name, { scale: 1 / 256, zeroPoint: activations === 'uint8' ? 0 : -128 }];
      const range = ranges.get(name);
      if (range === undefined) throw new WhetError('internal', `the range of '${name}' was not measured`);
      if (!Number.isFinite(range.min) || !Number.isFinite(range.max))
        throw new WhetError('model-unsupported', `tensor '${name}' is not finite on the calibration data: ${range.min} to ${range.max}`, {
          hint: 'Compare mean, std and range in the model card with those that the model was trained with.',
        });
      return [name, asymmetricScale(rectified.has(name) ? 0 : range.min, range.max, activations)];
    }),
  );
}

function addStep(initializers: Map<string, Tensor>, root: string, tag: string, step: ActivationStep, dtype: 'uint8' | 'int8') {
  const names = { scale: `${root}/scale${tag}`, zeroPoint: `${root}/zero${tag}` };
  initializers.set(names.scale, { dtype: 'float32', dims: [], data: Float32Array.of(step.scale) });
  const zero = dtype === 'uint8' ? Uint8Array.of(step.zeroPoint) : Int8Array.of(step.zeroPoint);
  initializers.set(names.zeroPoint, { dtype, dims: [], data: zero });
  return names;
}

/** Emits the DequantizeLinear of weight and bias; gives the names that the layer reads from input 1 on. */
export function addLayer(
  initializers: Map<string, Tensor>,
  nodes: Node[],
  tag: string,
  layer: FloatLayer,
  input: ActivationStep,
  options: QuantizeOptions,
): readonly string[] {
  const [y = ''] = layer.node.outputs;
  const weight = initializers.get(layer.weight) as Tensor;
  const bias = biasOf(initializers, layer, options.corrections?.get(y));
  const axis = options.perChannel === false ? null : layer.axis;
  const inputScale: Tensor = { dtype: 'float32', dims: [], data: Float32Array.of(input.scale) };
  const most = options.reduceRange === true ? 64 : 127;
  const scales = fitBias(symmetricScales(weight, axis, most), bias === null ? null : { bias, inputScale });
  const dequantize = (name: string, stored: Tensor, scale: Float32Array, along: number | null) => {
    const dims = along === null ? [] : [scale.length];
    initializers.set(`${name}/q`, stored);
    initializers.set(`${name}/scale`, { dtype: 'float32', dims, data: scale });
    const zeros = stored.dtype === 'int8' ? new Int8Array(scale.length) : new Int32Array(scale.length);
    initializers.set(`${name}/zero`, { dtype: stored.dtype, dims, data: zeros });
    nodes.push(build('DequantizeLinear', [`${name}/q`, `${name}/scale`, `${name}/zero`], [name], along === null ? {} : { axis: along }));
    return name;
  };
  const names = [dequantize(`${y}/weight${tag}`, quantizeTensor(weight, scales, 0, 'int8', axis ?? 0), scales, axis)];
  if (bias === null) return layer.node.inputs.length > 2 ? [...names, layer.node.inputs[2] ?? ''] : names;
  const product = scales.map((scale) => Math.fround(scale * Math.fround(input.scale)));
  return [...names, dequantize(`${y}/bias${tag}`, quantizeTensor(bias, product, 0, 'int32', 0), product, axis === null ? null : 0)];
}

function biasOf(initializers: ReadonlyMap<string, Tensor>, layer: FloatLayer, correction: Float32Array | undefined): Tensor | null {
  const stored = layer.bias === null ? null : (initializers.get(layer.bias) as Tensor);
  if (correction === undefined || (stored === null && !layer.takesBias)) return stored;
  return plus(stored ?? { dtype: 'float32', dims: [layer.channels], data: new Float32Array(layer.channels) }, correction);
}

function plus(tensor: Tensor, correction: Float32Array): Tensor {
  return { ...tensor, data: (tensor.data as Float32Array).map((value, channel) => value + correction[channel]!) };
}
