// The compiled training step and the forward pass of one tail, as sessions: one call is one epoch. Holds the samples, not the weights, so that
// several fits (folds) run on one engine in turn. Features in the tail's own shape; throws what the compiler and the runtime throw.

import { type LossOptions, plainLoss } from '../../autodiff/loss.ts';
import { workingBytes } from '../../autodiff/memory.ts';
import { adamW } from '../../autodiff/optimizers.ts';
import { compileStep } from '../../autodiff/step.ts';
import { forwardModel, type TrainableTail } from '../../autodiff/trainable.ts';
import { encodeModel } from '../../onnx/codec/encode.ts';
import { sizeOf, type Tensor } from '../../onnx/ir.ts';
import type { FloatTail } from '../../onnx/surgery/tail.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { discard } from '../../runtime/session.ts';
import { floatTensor } from '../ridge/gather.ts';
import type { Teaching } from './memory.ts';
import type { Weights } from './scaling.ts';

export interface EngineSamples {
  /** [count, …sample]. */
  readonly features: Tensor;
  readonly labels: Int32Array;
  /** [count], relative. */
  readonly weights: Float32Array;
  readonly teaching: Teaching | null;
}

/** A fit in progress. */
export interface Course {
  readonly weights: Weights;
  /** Optimizer state by input name. */
  readonly state: Readonly<Record<string, Tensor>>;
  readonly steps: number;
  /** Values of the tail's `fixed` inputs; none where it has none. */
  readonly fixed?: Weights;
}

/** Pairs of one epoch: `partners` are row numbers [steps, batch], `mix` the partner's share [steps, batch]. */
export interface Mixing {
  readonly partners: BigInt64Array;
  readonly mix: Float32Array;
}

export interface GradientEngine extends AsyncDisposable {
  begin(weights: Weights): Course;
  /** One epoch: `order` is [steps, batch] row numbers, `rates` [steps]. Gives the course after it, and its mean loss. */
  epoch(
    course: Course,
    order: BigInt64Array,
    rates: Float32Array,
    mixing?: Mixing,
  ): Promise<{ readonly course: Course; readonly loss: number }>;
  /** The course is over, and another has taken its place: what the engine made for it is given back, and cannot be read any more. */
  release(course: Course): void;
  /** Logits [rows, classes] of any features in the tail's shape; `fixed` as in a course. */
  logits(weights: Weights, features: Tensor, fixed?: Weights): Promise<Float32Array>;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly classes: number;
  /** Samples in one step. */
  readonly batch: number;
  /** Strength of the pull to `base`; 0: none. */
  readonly anchor: number;
  readonly base: Weights;
  readonly runtime: Runtime;
  /** Weight decay of AdamW; none unless given. */
  readonly decay?: number;
  /** Share of a label that is spread over all classes; none unless given. */
  readonly smoothing?: number;
  /** Largest norm of a step's gradients; no limit unless given. */
  readonly clip?: number;
  /** Whether every epoch comes with a `Mixing`. */
  readonly mixup?: boolean;
}

/** What every engine is opened with; `gradientOn` takes one. */
export type OpenEngine = (tail: FloatTail & TrainableTail, samples: EngineSamples, options: EngineOptions) => Promise<GradientEngine>;

const distillationTemperature = 2;

/** The loss that every engine trains with. */
export function lossOf(tail: FloatTail, samples: EngineSamples, { classes, anchor, smoothing = 0 }: EngineOptions): LossOptions {
  return {
    ...plainLoss(classes),
    smoothing,
    kind: tail.activation === 'sigmoid' ? 'sigmoid' : 'softmax',
    distillation: samples.teaching === null ? null : { temperature: distillationTemperature },
    anchor,
  };
}

export async function openEngine(tail: FloatTail & TrainableTail, samples: EngineSamples, options: EngineOptions): Promise<GradientEngine> {
  const { classes, batch, anchor, base, runtime, decay = 0, clip, mixup = false } = options;
  const loss = lossOf(tail, samples, options);
  const step = compileStep(tail, { batch, loss, optimizer: { ...adamW, decay }, clip: clip !== undefined, mixup });
  const working = workingBytes(step);
  const memoryPattern = working < largeBytes;
  const training = await runtime.open(encodeModel(step.model), { label: 'the training step', memoryPattern });
  const chunkRows = Math.max(batch, Math.min(512, Math.floor((largeBytes * batch) / working)));
  const forward = await runtime.open(encodeModel(forwardModel(tail)), { label: 'the float tail' });
  const close = async () => {
    await training.close();
    await forward.close();
  };

  const count = samples.labels.length;
  const fixed: Record<string, Tensor> = {
    features: samples.features,
    labels: { dtype: 'int64', dims: [count], data: BigInt64Array.from(samples.labels, BigInt) },
    weights: floatTensor([count], samples.weights),
  };
  if (samples.teaching !== null) {
    fixed.teacher = floatTensor([count, classes], samples.teaching.teacher);
    fixed.share = floatTensor([count], samples.teaching.share);
  }
  if (clip !== undefined) fixed.clip = floatTensor([], Float32Array.of(clip));
  if (anchor !== 0) for (const { name } of step.parameters) fixed[`base/${name}`] = base.get(name) as Tensor;

  // What a caller handed in is the caller's.
  const made = new WeakSet<Tensor>();
  const own = (tensor: Tensor): Tensor => {
    made.add(tensor);
    return tensor;
  };

  return {
    begin: (weights) => ({
      weights,
      state: Object.fromEntries(step.state.map(({ input, dims }) => [input, floatTensor(dims, new Float32Array(sizeOf(dims)))])),
      steps: 0,
    }),
    async epoch(course, order, rates, mixing) {
      const out = await training.run({
        ...fixed,
        ...Object.fromEntries([...(course.fixed ?? [])].map(([name, tensor]) => [`in/${name}`, tensor])),
        ...(mixing === undefined ? {} : mixed(mixing, [rates.length, batch])),
        ...course.state,
        ...Object.fromEntries(step.parameters.map(({ name, input }) => [input, course.weights.get(name) as Tensor])),
        order: { dtype: 'int64', dims: [rates.length, batch], data: order },
        rates: floatTensor([rates.length], rates),
        done: floatTensor([], Float32Array.of(course.steps)),
      });
      const losses = out.losses?.data as Float32Array;
      const weights = new Map(course.weights);
      for (const { name, output } of step.parameters) weights.set(name, own(out[output] as Tensor));
      const state = Object.fromEntries(step.state.map(({ input, output }) => [input, own(out[output] as Tensor)]));
      const loss = losses.reduce((sum, value) => sum + value, 0) / losses.length;
      return { course: { ...course, weights, state, steps: course.steps + rates.length }, loss };
    },
    release({ weights, state }) {
      for (const tensor of [...weights.values(), ...Object.values(state)]) if (made.has(tensor)) discard(tensor);
    },
    async logits(weights, features, held = new Map()) {
      const parameters = Object.fromEntries([...step.parameters.map(({ name }) => [name, weights.get(name) as Tensor] as const), ...held]);
      const [rows = 0, ...sample] = features.dims;
      const width = sizeOf(sample);
      const all = new Float32Array(rows * classes);
      for (let from = 0; from < rows; from += chunkRows) {
        const until = Math.min(from + chunkRows, rows);
        const some = (features.data as Float32Array).subarray(from * width, until * width);
        const out = await forward.run({ ...parameters, [tail.input]: floatTensor([until - from, ...sample], some) });
        all.set(out[tail.logits]?.data as Float32Array, from * classes);
      }
      return all;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function mixed({ partners, mix }: Mixing, dims: readonly number[]): Readonly<Record<string, Tensor>> {
  return { partners: { dtype: 'int64', dims, data: partners }, mix: floatTensor(dims, mix) };
}

/** Where a step works on more than this, less memory is worth more than the little time that planning it saves. */
const largeBytes = 4e6;
