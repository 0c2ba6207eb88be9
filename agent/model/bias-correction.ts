// What rounding weights to 8 bits adds to the outputs of a layer on average, taken out of its bias: float tail and samples in, weights out.
// Rounding errors times inputs that are never negative do not average out; a head whose large weights cancel can be lost to them altogether.

import { dequantizeTensor, quantizeTensor, symmetricScales } from '../onnx/forms/quantized-values.ts';
import { gridAxis } from '../onnx/forms/stored-weight.ts';
import type { Tensor } from '../onnx/ir.ts';
import { value } from '../onnx/made/build.ts';
import type { FloatTail, TailParameter } from '../onnx/surgery/tail.ts';
import { view } from '../onnx/view.ts';
import { sameTensor, withWeights } from '../onnx/weights.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { openPart } from './part.ts';

type Weights = ReadonlyMap<string, Tensor>;
interface Rows {
  readonly features: Float32Array;
  readonly count: number;
  readonly width: number;
}

const batch = 128;
/** Means need no more. */
const mostRows = 512;

/** A layer that can be corrected: what it gives, its weight, and its bias. */
interface Layer {
  readonly output: string;
  /** Axis of the channels in what it gives, counted from the end where negative. */
  readonly axis: number;
  readonly weight: string;
  readonly bias: string;
}

/**
 * New values of biases beside the given weights, so that every layer's outputs keep their mean over the samples once its weights are rounded
 * as `requantize` will round them; layer by layer, each with what the ones before it have become (Nagel et al. 2019). `shape` is that of one
 * sample's features, with a batch of 1. Weights that did not change, and layers without a bias, stay out of it.
 */
export async function correctBiases(
  tail: FloatTail,
  weights: Weights,
  rows: Rows,
  shape: readonly number[],
  runtime: Runtime,
): Promise<Weights> {
  const rounded = roundedWeights(tail, weights);
  const layers = correctable(tail, rounded);
  if (layers.length === 0) return weights;
  const wanted = await channelMeans(withWeights(tail, weights), layers, rows, shape, runtime);
  const corrected = new Map(weights);
  for (const layer of layers) {
    const { output, bias } = layer;
    const present = withWeights(tail, new Map([...corrected, ...rounded]));
    const is = (await channelMeans(present, [layer], rows, shape, runtime)).get(output) as Float64Array;
    const should = wanted.get(output) as Float64Array;
    const old = present.model.graph.initializers.get(bias) as Tensor;
    if (is.length !== (old.data as Float32Array).length) continue;
    const data = (old.data as Float32Array).map((b, at) => b + (should[at] as number) - (is[at] as number));
    corrected.set(bias, { ...old, data });
  }
  return corrected;
}

/** Values that the changed weights will have in the written model. */
function roundedWeights(tail: FloatTail, weights: Weights): Weights {
  return new Map(
    [...weights].flatMap(([name, value]): readonly (readonly [string, Tensor])[] => {
      const origin = tail.origins.get(name);
      if (origin?.kind !== 'quantized' || sameTensor(value, tail.base.get(name) as Tensor)) return [];
      const scales = symmetricScales(value, gridAxis(origin, name === tail.head?.weight), origin.grid.top);
      const whole = quantizeTensor(value, scales, 0, 'int32', origin.axis);
      return [[name, dequantizeTensor(whole, { dtype: 'float32', dims: [scales.length], data: scales }, null, origin.axis)]];
    }),
  );
}

/** In order from the input: layers with a rounded weight and a bias of one number a channel. */
function correctable(tail: FloatTail, rounded: Weights): readonly Layer[] {
  const seen = view(tail.model.graph);
  const biasOf = (layer: number) => tail.parameters.find((each) => each.layer === layer && each.role === 'bias');
  return tail.parameters.flatMap((weight): readonly Layer[] => {
    const bias = rounded.has(weight.name) && weight.role === 'weight' ? biasOf(weight.layer) : undefined;
    const reader = bias === undefined ? undefined : seen.readers(bias.name)[0];
    // A convolution's bias may be brought to [1, channels, 1, 1] before it is added.
    const adds = reader?.op === 'Reshape' ? seen.readers(reader.outputs[0] ?? '')[0] : reader;
    const output = adds?.outputs[0];
    if (bias === undefined || adds === undefined || output === undefined || !isVector(bias)) return [];
    return [{ output, axis: reader === adds ? channelAxis(adds.op, bias.dims) : 1, weight: weight.name, bias: bias.name }];
  });
}

/** A convolution's channels are axis 1; what is added behind a layer says by its own shape which axis it runs along. */
function channelAxis(op: string, dims: readonly number[]): number {
  if (op === 'Conv' || op === 'ConvTranspose') return 1;
  const at = dims.findIndex((size) => size !== 1);
  return at < 0 ? -1 : at - dims.length;
}

function isVector({ dims }: TailParameter): boolean {
  return dims.filter((size) => size !== 1).length <= 1;
}

/** Mean of every channel of some tensors over samples and places. */
async function channelMeans(
  tail: FloatTail,
  layers: readonly Pick<Layer, 'output' | 'axis'>[],
  rows: Rows,
  shape: readonly number[],
  runtime: Runtime,
): Promise<ReadonlyMap<string, Float64Array>> {
  const { model } = tail;
  const watched = { ...model, graph: { ...model.graph, outputs: layers.map(({ output }) => value(output, null)) } };
  await using part = await openPart(runtime, watched, { label: 'the float tail' });
  const sums = new Map<string, { readonly total: Float64Array; count: number }>();
  const count = Math.min(rows.count, mostRows);
  for (let from = 0; from < count; from += batch) {
    const size = Math.min(batch, count - from);
    const data = rows.features.subarray(from * rows.width, (from + size) * rows.width);
    const result = await part.session.run({ [tail.input]: { dtype: 'float32', dims: [size, ...shape.slice(1)], data } });
    for (const { output: name, axis } of layers) {
      const { dims, data: values } = result[name] as Tensor;
      const at = axis < 0 ? axis + dims.length : axis;
      const channels = dims[at] as number;
      const inner = dims.slice(at + 1).reduce((product, dim) => product * dim, 1);
      const sum = sums.get(name) ?? { total: new Float64Array(channels), count: 0 };
      for (let index = 0; index < (values as Float32Array).length; index += 1) {
        const channel = Math.floor(index / inner) % channels;
        sum.total[channel] = (sum.total[channel] as number) + ((values as Float32Array)[index] as number);
      }
      sum.count += (values as Float32Array).length / channels;
      sums.set(name, sum);
    }
  }
  return new Map([...sums].map(([name, { total, count: seen }]) => [name, total.map((each) => each / seen)]));
}
