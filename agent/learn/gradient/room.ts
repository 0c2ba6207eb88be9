// Whether a fit by gradients has room: the batch that it can afford in the memory that there is, planned before anything is opened. Refuses with
// `memory-short` where not even the smallest batch has room; the current model is then as it was.
import { freemem } from 'node:os';
import { plainLoss } from '../../autodiff/loss.ts';
import { type MemoryPlan, planMemory } from '../../autodiff/memory.ts';
import { adamW } from '../../autodiff/optimizers.ts';
import type { TrainableTail } from '../../autodiff/trainable.ts';
import { WhetError } from '../../errors.ts';

export interface Wish {
  /** Samples in one step, if there is room. */
  readonly batch: number;
  readonly samples: number;
  readonly classes: number;
  /** Fits that learn side by side. */
  readonly courses: number;
}

/** Memory that a fit goes by, in bytes. */
export interface Room {
  /** By which the batch is chosen. Kept with what comes of a run, so that training again chooses as it did, whatever is free by then. */
  readonly planned: number;
  /** What there is: a batch that needs more is refused, and no other one taken in its place. */
  readonly available: number;
}

/** What is free now, up to a limit in megabytes; `planned` where a run before went by other memory. */
export function roomNow(limitMegabytes: number | null, planned: number | null = null): Room {
  const available = Math.min(availableMemory(), (limitMegabytes ?? Number.POSITIVE_INFINITY) * 1e6);
  return { planned: planned ?? available, available };
}

/** What a run was measured to take at most against its plan. */
const margin = 1.5;
/** Below this a step is mostly overhead, and its gradient mostly noise. */
const smallestBatch = 4;

/**
 * The largest of `batch`, a half of it, a quarter … that fits into what was planned for: from that alone, so that the same rows give the same batch.
 * The stored features are there already and are not asked for again. Throws `memory-short`, also where it does not fit into what is there now.
 */
export function batchThatFits(tail: TrainableTail, wish: Wish, { planned, available }: Room): number {
  let plan = planFor(tail, wish, wish.batch);
  while (neededFor(plan) > planned) {
    const batch = Math.floor(plan.batch / 2);
    if (batch < Math.min(smallestBatch, wish.batch)) throw short(plan, planned);
    plan = planFor(tail, wish, batch);
  }
  if (neededFor(plan) > available) throw shortAgain(plan, available);
  return plan.batch;
}

function planFor(tail: TrainableTail, { samples, classes, courses }: Wish, batch: number): MemoryPlan {
  return planMemory(tail, { batch, loss: { ...plainLoss(classes), anchor: 1 }, optimizer: adamW }, { samples, courses });
}

const neededFor = ({ totalBytes, featuresBytes }: MemoryPlan) => margin * (totalBytes - featuresBytes / 2);

function short(plan: MemoryPlan, availableBytes: number): WhetError {
  return new WhetError(
    'memory-short',
    `training needs ${megabytes(neededFor(plan))} MB even in batches of ${plan.batch} (${partsOf(plan)}), and ${megabytes(availableBytes)} MB are available`,
    {
      hint: 'Train fewer layers, keep fewer samples, or let the closed form learn the last layer; `whet inspect --layers N` shows what each depth takes.',
    },
  );
}

function shortAgain(plan: MemoryPlan, availableBytes: number): WhetError {
  return new WhetError(
    'memory-short',
    `training again in the batches of ${plan.batch} of the release before needs ${megabytes(neededFor(plan))} MB (${partsOf(plan)}), and ${megabytes(availableBytes)} MB are available; smaller batches would give another result`,
    { hint: 'What was forgotten is gone, and so is what had learned from it. Free memory, then train (`whet train`) from what is left.' },
  );
}

function partsOf(plan: MemoryPlan): string {
  const { weightsBytes, optimizerBytes, gradientsBytes, activationsBytes, featuresBytes, targetsBytes } = plan;
  const parts = [
    ['weights and optimizer', weightsBytes + optimizerBytes],
    ['gradients and activations', gradientsBytes + activationsBytes],
    ['features and targets', featuresBytes / 2 + targetsBytes],
  ] as const;
  return parts.map(([name, bytes]) => `${name} ${megabytes(margin * bytes)}`).join(', ');
}

/**
 * What this process may still take, in bytes: what the machine has free, and what is left of the limit of its control group. What the group's
 * other processes and files hold of that limit is not counted, since the kernel takes files' memory back.
 */
export function availableMemory(): number {
  const limit = process.constrainedMemory();
  return Math.min(freemem(), limit > 0 ? limit - process.memoryUsage.rss() : Number.POSITIVE_INFINITY);
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
