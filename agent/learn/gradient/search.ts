// One gradient fit on an opened engine: splits that learn side by side say when to stop and give honest predictions; then everything is trained
// for as long. Gives null where a loss is not finite.
import type { Tensor } from '../../onnx/ir.ts';
import { randomOf } from '../../random.ts';
import type { LearnerInput } from '../learner.ts';
import { floatTensor } from '../ridge/gather.ts';
import type { Split } from '../splits.ts';
import type { Course, Engine } from './engine.ts';
import { mixingOfEpoch, orderOfEpoch, type Plan, ratesOfEpoch } from './plan.ts';
import type { Weights } from './scaling.ts';

export interface Task {
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
export async function attemptFit(engine: Engine, task: Task): Promise<Fit | null> {
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

/** Trains all splits side by side, epoch by epoch, until their held-out loss no longer falls. Keeps the predictions of the best epoch. */
async function findEpochs(engine: Engine, task: Task, report: (done: number) => void): Promise<Omit<Fit, 'weights'> | null> {
  const { input, splits, plan } = task;
  const parts = splits.map((split, index) => ({ ...partOf(task, split), random: randomOf(input.seed + index + 1) }));
  // Half the epochs, where nothing can be held out that would tell.
  const blind = { epochs: Math.ceil(plan.epochs / 2), heldOutLoss: null, predictions: null };
  if (parts.every((part) => part.weight === 0)) return blind;
  let courses: readonly Course[] = await Promise.all(parts.map((part) => gridded(task, engine.begin(part.start))));
  const total = parts.reduce((sum, part) => sum + part.weight, 0);
  const judge = async (epochs: number) => {
    const predictions = new Float32Array(input.train.count * input.classes);
    let loss = 0;
    for (const [index, part] of parts.entries()) {
      const course = courses[index] as Course;
      const logits = await engine.logits(course.weights, part.features, course.fixed);
      loss += part.lossOf(logits);
      for (const [at, row] of part.holdout.entries()) {
        predictions.set(logits.subarray(at * input.classes, (at + 1) * input.classes), row * input.classes);
      }
    }
    return { epochs, heldOutLoss: loss / total, predictions };
  };
  let best: Omit<Fit, 'weights'> & { readonly heldOutLoss: number } = task.isWarm
    ? await judge(0)
    : { epochs: 0, heldOutLoss: Number.POSITIVE_INFINITY, predictions: null };
  for (let epoch = 0; epoch < plan.epochs && epoch - best.epochs < plan.patience; epoch += 1) {
    input.signal?.throwIfAborted();
    const next: Course[] = [];
    for (const [index, part] of parts.entries()) {
      const course = await advance(engine, task, courses[index] as Course, part.train, epoch, part.random);
      if (course === null) return null;
      next.push(course);
    }
    courses = next;
    const now = await judge(epoch + 1);
    if (!Number.isFinite(now.heldOutLoss)) return null;
    if (now.heldOutLoss < best.heldOutLoss) best = now;
    report(epoch + 1);
  }
  return best;
}

/** One epoch over some rows; null where its loss is not finite. */
async function advance(engine: Engine, task: Task, course: Course, rows: readonly number[], epoch: number, random: () => number) {
  const { plan, mixup } = task;
  const order = orderOfEpoch(rows, plan.batch, random);
  const rates = ratesOfEpoch(plan, epoch, order.length / plan.batch);
  const mixing = mixup === 0 ? undefined : mixingOfEpoch(order, mixup, random);
  const { course: next, loss } = await engine.epoch(course, order, rates, mixing);
  return Number.isFinite(loss) ? await gridded(task, next) : null;
}

/** The course on the grids that its weights ask for. */
async function gridded({ measureGrids }: Task, course: Course): Promise<Course> {
  return measureGrids === null ? course : { ...course, fixed: await measureGrids(course.weights) };
}

/** The held-out side of a split. Rows of classes that the other side does not have are predicted, but prove nothing. */
function partOf<S extends Split>({ input, features, weights }: Task, split: S) {
  const { labels, width } = input.train;
  const { classes } = input;
  const seen = new Set(split.train.map((row) => labels[row]));
  const data = new Float32Array(split.holdout.length * width);
  for (const [to, from] of split.holdout.entries()) {
    data.set((features.data as Float32Array).subarray(from * width, (from + 1) * width), to * width);
  }
  const weightOf = (row: number) => (seen.has(labels[row]) ? (weights[row] as number) : 0);
  return {
    ...split,
    features: floatTensor([split.holdout.length, ...features.dims.slice(1)], data),
    weight: split.holdout.reduce((sum, row) => sum + weightOf(row), 0),
    /** Σ weight · cross-entropy over the held-out rows. */
    lossOf(logits: Float32Array): number {
      return split.holdout.reduce((sum, row, at) => {
        const own = logits.subarray(at * classes, (at + 1) * classes);
        return sum + weightOf(row) * (logSumExp(own) - (own[labels[row] as number] as number));
      }, 0);
    },
  };
}

function logSumExp(logits: Float32Array): number {
  const top = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return top + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0));
}
