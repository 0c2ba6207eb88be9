// Proves a split on inputs: with the tail left quantized and graph optimizations off, tail(backbone(x)) equals model(x) to the bit; the
// float tail agrees in top-1. Throws `proof-failed` where the split is not exact.
import { WhetError } from '../errors.ts';
import type { Cut } from '../onnx/cut.ts';
import { dequantizeTail } from '../onnx/dequantize.ts';
import { encodeModel } from '../onnx/encode.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { splitModel } from '../onnx/split.ts';
import type { FloatTail } from '../onnx/tail.ts';
import { openSession } from '../runtime/session.ts';
import type { Progress } from '../types.ts';

export interface Proof {
  readonly samples: number;
  /** Largest |tail(backbone(x)) − model(x)|, optimizations off; exact means 0. */
  readonly splitMaxAbsDiff: number;
  /** Share of inputs on which the float tail and the model (optimizations on) choose the same class. */
  readonly floatTop1Agreement: number;
  readonly floatMaxAbsDiff: number;
}

export interface Proven {
  readonly proof: Proof;
  readonly tail: FloatTail;
  /** Shape of one sample's features at the cut, batch included. */
  readonly shape: readonly number[];
}

/** `inputs` are tensors of the model's input shape, batch 1: dynamic quantization couples the samples of a batch. */
export async function prove(model: Model, cut: Cut, inputs: readonly Tensor[], threads: number, progress?: Progress): Promise<Proven> {
  const split = splitModel(model, cut);
  const tail = dequantizeTail(split.tail, split.values);
  const open = (part: Model, label: string, optimization: 'disabled' | 'all') =>
    openSession(encodeModel(part), { label, threads, optimization });
  await using exactModel = await open(model, 'the model', 'disabled');
  await using exactBackbone = await open(split.backbone, 'the backbone', 'disabled');
  await using exactTail = await open(split.tail, 'the quantized tail', 'disabled');
  await using fastModel = await open(model, 'the model', 'all');
  await using fastBackbone = await open(split.backbone, 'the backbone', 'all');
  await using floatTail = await open(tail.model, 'the float tail', 'all');
  const [input = ''] = fastModel.inputNames;
  const [output = ''] = fastModel.outputNames;
  let shape: readonly number[] = [];
  let splitMaxAbsDiff = 0;
  let floatMaxAbsDiff = 0;
  let agreed = 0;
  for (const [index, x] of inputs.entries()) {
    const features = (await exactBackbone.run({ [input]: x }))[split.features] as Tensor;
    shape = features.dims;
    const whole = (await exactModel.run({ [input]: x }))[output] as Tensor;
    splitMaxAbsDiff = Math.max(
      splitMaxAbsDiff,
      largestDifference(whole, (await exactTail.run({ [split.features]: features }))[output] as Tensor),
    );
    const fast = (await fastModel.run({ [input]: x }))[output] as Tensor;
    const fastFeatures = (await fastBackbone.run({ [input]: x }))[split.features] as Tensor;
    const float = (await floatTail.run({ [tail.input]: fastFeatures }))[output] as Tensor;
    floatMaxAbsDiff = Math.max(floatMaxAbsDiff, largestDifference(fast, float));
    if (argmax(fast) === argmax(float)) agreed += 1;
    progress?.(index + 1, inputs.length, 'proof');
  }
  if (splitMaxAbsDiff !== 0) {
    throw new WhetError(
      'proof-failed',
      `backbone and tail at '${cut.tensor}' differ from the model by ${splitMaxAbsDiff} (NaN: not finite)`,
      {
        hint: 'Name another cut with --cut, and please report the model.',
      },
    );
  }
  return { proof: { samples: inputs.length, splitMaxAbsDiff, floatTop1Agreement: agreed / inputs.length, floatMaxAbsDiff }, tail, shape };
}

/** NaN where either holds one, so that a NaN never passes for equality. */
function largestDifference(a: Tensor, b: Tensor): number {
  const left = a.data as Float32Array;
  const right = b.data as Float32Array;
  return left.reduce((most, value, index) => Math.max(most, Math.abs(value - (right[index] as number))), 0);
}

function argmax(tensor: Tensor): number {
  const values = tensor.data as Float32Array;
  return values.indexOf(Math.max(...values));
}
