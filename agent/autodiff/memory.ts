// What a training run will take, before it begins: weights and optimizer state with the copies that the runtime holds of them, gradients and
// activations of one step at their highest, features of all samples, targets and logits of one call. From the compiled step; pure.
import { sizeOf } from '../onnx/ir.ts';
import { peakOf } from './liveness.ts';
import { compileStep, type StepOptions, type TrainingStep } from './step.ts';
import type { TrainableTail } from './trainable.ts';

export interface MemoryPlan {
  readonly batch: number;
  readonly samples: number;
  readonly weightsBytes: number;
  readonly optimizerBytes: number;
  readonly gradientsBytes: number;
  readonly activationsBytes: number;
  /** Of all samples, twice: as they are stored, and as they are trained on. */
  readonly featuresBytes: number;
  /** Targets, logits and losses of one call, an epoch. */
  readonly targetsBytes: number;
  readonly totalBytes: number;
}

export interface RunSize {
  readonly samples: number;
  /** Fits that learn side by side, each with weights and optimizer state of its own. */
  readonly courses: number;
}

/** Of everything that goes from step to step the runtime holds the first value, two that take turns, and the last. */
const copiesInCall = 4;

/** Throws what `compileStep` throws. */
export function planMemory(tail: TrainableTail, options: StepOptions, size: RunSize): MemoryPlan {
  return planOf(compileStep(tail, options), options, size);
}

/** The most that the values of one step take at one moment: gradients and activations. */
export function workingBytes({ working: { graph, bytesOf } }: TrainingStep): number {
  return peakOf(graph, bytesOf, new Set()).bytes;
}

export function planOf(step: TrainingStep, { batch, loss }: StepOptions, { samples, courses }: RunSize): MemoryPlan {
  const features = step.model.graph.inputs.find(({ name }) => name === 'features')?.shape?.slice(1) as readonly number[];
  const peak = peakOf(step.working.graph, step.working.bytesOf, new Set(step.working.gradients));
  const bytes = (list: readonly { readonly dims: readonly number[] }[]) => 4 * list.reduce((total, { dims }) => total + sizeOf(dims), 0);
  // A course's own values are the first ones of its call.
  const copies = copiesInCall - 1 + Math.max(1, courses);
  const anchored = loss.anchor === 0 ? 0 : 2 * bytes(step.parameters);
  const plan = {
    batch,
    samples,
    weightsBytes: copies * bytes(step.parameters) + anchored,
    optimizerBytes: copies * bytes(step.state),
    // The runtime may hold all of them until the updates.
    gradientsBytes: bytes(step.parameters),
    activationsBytes: peak.bytes - peak.watchedBytes,
    featuresBytes: 2 * 4 * samples * sizeOf(features),
    // Labels as one row each, weighted, and what a step subtracts; logits, their logarithms and products.
    targetsBytes: 6 * 4 * samples * loss.classes,
  };
  const { weightsBytes, optimizerBytes, gradientsBytes, activationsBytes, featuresBytes, targetsBytes } = plan;
  return { ...plan, totalBytes: weightsBytes + optimizerBytes + gradientsBytes + activationsBytes + featuresBytes + targetsBytes };
}
