// Proves a split on inputs: with the tail left quantized and graph optimizations off, tail(backbone(x)) equals model(x) to the bit; the
// float tail agrees in top-1. Throws `proof-failed` where the split is not exact.

import { WhetError } from '../errors.ts';
import { dequantizeTail } from '../onnx/forms/dequantize.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import type { Cut } from '../onnx/surgery/cut.ts';
import { splitModel } from '../onnx/surgery/split.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Progress } from '../types.ts';
import { classScores } from './classify.ts';
import { openPart, type Part } from './part.ts';

export interface Proof {
  readonly samples: number;
  /** Largest |tail(backbone(x)) − model(x)|, optimizations off; exact means 0. */
  readonly splitMaxAbsDiff: number;
  /**
   * Share of inputs on which the float tail chooses a class that the model (optimizations on) puts first. An 8-bit output puts several first
   * where they round to the same value: each of them counts here, and `floatTop1Strict` says what is left when only the first one does.
   */
  readonly floatTop1Agreement: number;
  readonly floatTop1Strict: number;
  readonly floatMaxAbsDiff: number;
}

export interface Proven {
  readonly proof: Proof;
  readonly tail: FloatTail;
  /** Shape of one sample's features at the cut, batch included. */
  readonly shape: readonly number[];
  /** Shape of what the model gives for one sample. */
  readonly output: readonly number[];
}

/** `inputs` are tensors of the model's input shape, batch 1: dynamic quantization couples the samples of a batch. */
export async function prove(model: Model, cut: Cut, inputs: readonly Tensor[], runtime: Runtime, progress?: Progress): Promise<Proven> {
  const split = splitModel(model, cut);
  const tail = dequantizeTail(split.tail, split.values);
  const open = (part: Model, label: string, optimization: 'disabled' | 'all') => openPart(runtime, part, { label, optimization });
  await using exactModel = await open(model, 'the model', 'disabled');
  await using exactBackbone = await open(split.backbone, 'the backbone', 'disabled');
  await using exactTail = await open(split.tail, 'the quantized tail', 'disabled');
  await using fastModel = await open(model, 'the model', 'all');
  await using fastBackbone = await open(split.backbone, 'the backbone', 'all');
  await using floatTail = await open(tail.model, 'the float tail', 'all');
  const [input = ''] = fastModel.session.inputNames;
  const [output = ''] = fastModel.session.outputNames;
  const run = async (part: Part, name: string, x: Tensor, wanted: string) => (await part.session.run({ [name]: x }))[wanted] as Tensor;
  let shape: readonly number[] = [];
  const seen: Tensor[] = [];
  let given: readonly number[] = [];
  let decided = 0;
  let splitMaxAbsDiff = 0;
  let floatMaxAbsDiff = 0;
  let agreed = 0;
  let strictlyAgreed = 0;
  for (const [index, x] of inputs.entries()) {
    const features = await run(exactBackbone, input, x, split.features);
    shape = features.dims;
    const whole = await run(exactModel, input, x, output);
    splitMaxAbsDiff = Math.max(splitMaxAbsDiff, largestDifference(whole, await run(exactTail, split.features, features, output)));
    const fast = await run(fastModel, input, x, output);
    const float = await run(floatTail, tail.input, await run(fastBackbone, input, x, split.features), output);
    floatMaxAbsDiff = Math.max(floatMaxAbsDiff, largestDifference(fast, float));
    given = fast.dims;
    const said = scoresOf(fast, tail);
    if (said.length === 1 || !said.every((score) => score === said[0]) || largestDifference(fast, float) <= 1e-3) decided += 1;
    const chosen = argmax(scoresOf(float, tail));
    const first = argmax(said);
    if (chosen === first) strictlyAgreed += 1;
    if (said[chosen] === said[first]) agreed += 1;
    seen.push(features);
    if (index === Math.min(1, inputs.length - 1)) await requireFreeBatch(floatTail, tail, seen, cut);
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
  if (agreed < inputs.length / 2) {
    throw new WhetError(
      'proof-failed',
      `the float tail at '${cut.tensor}' chooses another class than the model on ${inputs.length - agreed} of ${inputs.length} inputs`,
      {
        hint: 'Train fewer layers, and please report the model.',
      },
    );
  }
  if (decided === 0) {
    throw new WhetError(
      'proof-failed',
      `the inputs prove nothing: the model gives every class the same score on all ${inputs.length}, and the float tail does not`,
      {
        hint: 'They may lie outside of what the model was made for: give it a model card (--card), whose range, mean and std they are drawn from.',
      },
    );
  }
  const floatTop1Agreement = agreed / inputs.length;
  const floatTop1Strict = strictlyAgreed / inputs.length;
  return {
    proof: { samples: inputs.length, splitMaxAbsDiff, floatTop1Agreement, floatTop1Strict, floatMaxAbsDiff },
    tail,
    shape,
    output: given,
  };
}

/** Training and evaluation run the float tail on many samples at once: two together must give what each gives alone. */
async function requireFreeBatch(part: Part, tail: FloatTail, samples: readonly Tensor[], cut: Cut): Promise<void> {
  const pair = [samples[0], samples.at(-1)] as readonly [Tensor, Tensor];
  const data = Float32Array.from(pair.flatMap((each) => Array.from(each.data as Float32Array)));
  const double = await part.session
    .run({ [tail.input]: { dtype: 'float32', dims: [2, ...pair[0].dims.slice(1)], data } })
    .catch(() => null);
  const both = double?.[tail.output];
  const alone: number[] = [];
  for (const each of pair) alone.push(...(((await part.session.run({ [tail.input]: each }))[tail.output] as Tensor).data as Float32Array));
  const given = both?.dims[0] === 2 ? (both.data as Float32Array) : new Float32Array();
  if (given.length === alone.length && given.every((value, at) => close(value, alone[at] as number))) return;
  throw new WhetError('model-unsupported', `the layers behind '${cut.tensor}' take only one sample at a time`, {
    hint: 'Export the model with a free batch dimension, or train fewer layers.',
  });
}

function close(a: number, b: number): boolean {
  return a === b || Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(a), Math.abs(b));
}

/** NaN where only one holds a NaN or where infinities differ, so that neither passes for equality. */
function largestDifference(a: Tensor, b: Tensor): number {
  const left = a.data as Float32Array;
  const right = b.data as Float32Array;
  if (left.length !== right.length) return Number.NaN;
  return left.reduce((most, value, index) => {
    const other = right[index] as number;
    return value === other ? most : Math.max(most, Math.abs(value - other));
  }, 0);
}

/** One score behind a sigmoid is two classes. */
function scoresOf(output: Tensor, { activation }: FloatTail): Float32Array {
  const values = output.data as Float32Array;
  return activation === 'sigmoid' ? classScores(values) : values;
}

function argmax(values: Float32Array): number {
  return values.indexOf(values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY));
}
