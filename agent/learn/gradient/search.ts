// One gradient fit on an opened engine: splits that learn side by side say when to stop and give honest predictions; then everything is trained
// for as long. Gives null where a loss is not finite.
import type { Tensor } from '../../onnx/ir.ts';
import { randomOf } from '../../random.ts';
import type { LearnerInput } from '../learner.ts';
import { floatTensor } from '../ridge/gather.ts';
import type { Split } from '../splits.ts';
import type { Course, GradientEngine } from './engine.ts';
import { mixingOfEpoch, orderOfEpoch, type Plan, ratesOfEpoch } from './plan.ts';
import type { Weights } from './scaling.ts';

export interface Search {
  readonly input: LearnerInput;
  readonly features: Tensor;
  readonly weights: Float32Array;
  readonly start: Weights;
  /** With the weights that each starts from; the held-out rows had no part in them. */
  readonly splits: readonly (Split & { readonly start: Weights })[];
  /** Whether the start is worth something by itself, so that no epoch at all may be the best. */
  readonly isWarm: boolean;
  readonly plan: Plan;
  /** α of the shares in which samples are mixed; 0: not. */
  readonly mixup: number;
  /** Values of the tail's fixed inputs for these weights; null where it has none. */
  readonly measureGrids: ((weights: Weights) => Promise<Weights>) | null;
}

export interface Fit {
  readonly weights: Weights;
  readonly epochs: number;
  readonly heldOutLoss: number | null;
  readonly predictions: Float32Array | null;
}

/** One whole fit; null where a loss was not finite. */
export async function attemptFit(engine: GradientEngine, task: Search): Promise<Fit | null> {
  const { input, plan, splits, start } = task;
  const total = plan.epochs * (splits.length > 0 ? 2 : 1);
  const report = (done: number, what: string) => input.progress?.(Math.min(done, total), total, what);
  const search = await findEpochs(engine, task, (done) => report(done, 'when to stop'));
  if (search === null) return null;
  const all = Array.from({ length: input.train.count }, (_, row) => row);
  const random = randomOf(input.seed);
  let course = await gridded(task, engine.begin(start));
  for (let epoch = 0; epoch < search.epochs; epoch += 1) {
    input.signal?.throwIfAborted();
    const next = await advance(engine, task, course, all, epoch, random);
    if (next === null) return null;
    course = next;
    report(total - search.epochs + epoch + 1, 'training');
  }
  return { ...search, weights: course.weights };
}

/**
 * Trains all splits side by side, epoch by epoch, until their held-out loss no longer falls. Keeps the predictions of the best epoch. Where the
 * start is worth something by itself, some of the splits go ahead: if they find nothing better soon, the others need not set out.
 */
async function findEpochs(engine: GradientEngine, task: Search, report: (done: number) => void): Promise<Omit<Fit, 'weights'> | null> {
  const { input, plan } = task;
  const parts = await Promise.all(task.splits.map((split, index) => openPart(engine, task, split, randomOf(input.seed + index + 1))));
  // Half the epochs, where nothing can be held out that would tell.
  const blind = { epochs: Math.ceil(plan.epochs / 2), heldOutLoss: null, predictions: null };
  if (parts.every((part) => part.weight === 0)) return blind;
  const total = parts.reduce((sum, part) => sum + part.weight, 0);
  const judge = async (epochs: number) => {
    const predictions = new Float32Array(input.train.count * input.classes);
    let loss = 0;
    for (const part of parts) {
      const seen = await part.after(epochs);
      if (seen === null) return null;
      part.drop(epochs);
      loss += seen.loss;
      for (const [at, row] of part.holdout.entries()) {
        predictions.set(seen.logits.subarray(at * input.classes, (at + 1) * input.classes), row * input.classes);
      }
    }
    return { epochs, heldOutLoss: loss / total, predictions };
  };
  const start = task.isWarm ? await judge(0) : null;
  if (start !== null && Number.isFinite(start.heldOutLoss) && !(await isWorthGoing(parts, plan, input.signal))) return start;
  let best: Omit<Fit, 'weights'> & { readonly heldOutLoss: number } = start ?? {
    epochs: 0,
    heldOutLoss: Number.POSITIVE_INFINITY,
    predictions: null,
  };
  for (let epoch = 0; epoch < plan.epochs && epoch - best.epochs < plan.patience; epoch += 1) {
    input.signal?.throwIfAborted();
    const now = await judge(epoch + 1);
    if (now === null || !Number.isFinite(now.heldOutLoss)) return null;
    if (now.heldOutLoss < best.heldOutLoss) best = now;
    report(epoch + 1);
  }
  return best;
}

/**
 * Whether the first splits, half of them, lie below their start after any of the first epochs; or diverge, which is for the caller to mend. What
 * they have learned is not learned again.
 */
async function isWorthGoing(parts: readonly Part[], plan: Plan, signal: AbortSignal | undefined): Promise<boolean> {
  const scouts = parts.filter(({ weight }) => weight > 0).slice(0, Math.max(1, Math.floor(parts.length / 2)));
  const lossAfter = async (epochs: number) => {
    let sum = 0;
    for (const part of scouts) sum += (await part.after(epochs))?.loss ?? Number.NaN;
    return sum;
  };
  const start = await lossAfter(0);
  // So few epochs are soon seen to the end.
  if (plan.epochs <= plan.scouting) return true;
  for (let epoch = 1; epoch <= plan.scouting; epoch += 1) {
    signal?.throwIfAborted();
    const loss = await lossAfter(epoch);
    if (Number.isNaN(loss) || loss < start) return true;
  }
  return false;
}

/** One epoch over some rows, after which the course that it began with is no more; null where its loss is not finite. */
async function advance(engine: GradientEngine, task: Search, course: Course, rows: readonly number[], epoch: number, random: () => number) {
  const { plan, mixup } = task;
  const order = orderOfEpoch(rows, plan.batch, random);
  const rates = ratesOfEpoch(plan, epoch, order.length / plan.batch);
  const mixing = mixup === 0 ? undefined : mixingOfEpoch(order, mixup, random);
  const { course: next, loss } = await engine.epoch(course, order, rates, mixing);
  // Some megabytes an epoch; the collector would let a good many of them come together.
  engine.release(course);
  return Number.isFinite(loss) ? await gridded(task, next) : null;
}

/** The course on the grids that its weights ask for. */
async function gridded({ measureGrids }: Search, course: Course): Promise<Course> {
  return measureGrids === null ? course : { ...course, fixed: await measureGrids(course.weights) };
}

/** What a split's held-out side is told after so many epochs on the other. */
interface Seen {
  /** Σ weight · cross-entropy over the held-out rows. */
  readonly loss: number;
  readonly logits: Float32Array;
}

interface Part extends Split {
  /** Of the held-out rows together. Rows of classes that the other side does not have are predicted, but prove nothing. */
  readonly weight: number;
  /** Learns on as far as need be. Asked for in order, and again until it is dropped; null where a loss was not finite. */
  after(epochs: number): Promise<Seen | null>;
  drop(epochs: number): void;
}

async function openPart(
  engine: GradientEngine,
  task: Search,
  split: Split & { readonly start: Weights },
  random: () => number,
): Promise<Part> {
  const { input, features, weights } = task;
  const { labels, width } = input.train;
  const { classes } = input;
  const taught = new Set(split.train.map((row) => labels[row]));
  const data = new Float32Array(split.holdout.length * width);
  for (const [to, from] of split.holdout.entries()) {
    data.set((features.data as Float32Array).subarray(from * width, (from + 1) * width), to * width);
  }
  const held = floatTensor([split.holdout.length, ...features.dims.slice(1)], data);
  const weightOf = (row: number) => (taught.has(labels[row]) ? (weights[row] as number) : 0);
  let course: Course | null = await gridded(task, engine.begin(split.start));
  let done = 0;
  // Scouts are some epochs ahead of the others.
  const seen = new Map<number, Seen>();
  const look = async ({ weights: trained, fixed }: Course): Promise<Seen> => {
    const logits = await engine.logits(trained, held, fixed);
    const loss = split.holdout.reduce((sum, row, at) => {
      const own = logits.subarray(at * classes, (at + 1) * classes);
      return sum + weightOf(row) * (logSumExp(own) - (own[labels[row] as number] as number));
    }, 0);
    return { loss, logits };
  };
  return {
    train: split.train,
    holdout: split.holdout,
    weight: split.holdout.reduce((sum, row) => sum + weightOf(row), 0),
    async after(epochs) {
      for (; course !== null && done < epochs; done += 1) course = await advance(engine, task, course, split.train, done, random);
      if (course !== null && done === epochs && !seen.has(epochs)) seen.set(epochs, await look(course));
      return seen.get(epochs) ?? null;
    },
    drop: (epochs) => void seen.delete(epochs),
  };
}

function logSumExp(logits: Float32Array): number {
  const top = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return top + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0));
}
