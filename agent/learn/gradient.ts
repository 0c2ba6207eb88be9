// The gradient learner: trains all weights of a float tail on cached features, one runtime call an epoch. Folds that learn side by side say
// when to stop and give honest predictions; then everything is trained for as long. Refuses labels and features that are not usable numbers.
import { WhetError } from '../errors.ts';
import { type Dim, sizeOf, type Tensor } from '../onnx/ir.ts';
import type { FloatTail } from '../onnx/tail.ts';
import { randomOf } from '../random.ts';
import type { FeatureSet } from '../types.ts';
import { floatTensor } from './gather.ts';
import { type Course, type Engine, type EngineOptions, type EngineSamples, type OpenEngine, openEngine } from './gradient-engine.ts';
import { knownClasses, teachingOf } from './gradient-memory.ts';
import { orderOfEpoch, type Plan, planFor, ratesOfEpoch } from './gradient-plan.ts';
import { scalingOf, type Weights } from './gradient-scaling.ts';
import { featureShape } from './head-rows.ts';
import type { FittedTail, Learner, LearnerInput } from './learner.ts';
import { assignFolds, countGroups, holdOut, type Split } from './splits.ts';

/** Up to this many samples (and weights) every row is predicted without it; beyond, one hold-out is evidence enough. */
const foldRows = 2000;
const foldWeights = 1_000_000;
const folds = 5;
/** Strength of the pull to the weights at the start, as of a Gaussian prior: it fades as samples come in. Stronger where they know something. */
const pull = { known: 3, blank: 1 };
/** A diverging fit starts again at a quarter of the rate, this often. */
const retries = 3;

export const gradient: Learner = gradientOn(openEngine);

/** The learner on an engine of the caller's choice. */
export function gradientOn(open: OpenEngine): Learner {
  return { name: 'gradient', fit: (input) => fitTail(input, open) };
}

async function fitTail(input: LearnerInput, open: OpenEngine): Promise<FittedTail> {
  const { train, classes, signal, threads } = input;
  requireUsable(train, classes);
  const sample = featureShape(input.tail, train.count, train.width).slice(1);
  const tail = bindFeatures(input.tail, sample);
  const scaling = scalingOf(tail, train);
  const initial: Weights = new Map(tail.parameters.map(({ name }) => [name, tail.model.graph.initializers.get(name) as Tensor]));
  const start = scaling.scale(initial);
  const features = floatTensor([train.count, ...sample], scaling.features);

  const known = knownClasses(tail, classes);
  const isBlank = !known.includes(true);
  const anchor = (isBlank ? pull.blank : pull.known) / (train.count * input.personalWeight);
  const splits = splitsOf(train, tail, input.seed);
  const smallest = Math.min(train.count, ...splits.map((split) => split.train.length));
  const plan = planFor(train.count, smallest, train.width);
  const labels = train.labels.subarray(0, train.count);
  const weights = train.weights?.subarray(0, train.count) ?? new Float32Array(train.count).fill(1);
  const options = { classes, batch: plan.batch, anchor, base: start, threads };
  const untaught = { features, labels, weights, teaching: null };
  const teaching = isBlank
    ? null
    : await withEngine(open, tail, untaught, options, async (engine) => teachingOf(await engine.logits(start, features), labels, known));

  return withEngine(open, tail, { ...untaught, teaching }, options, async (engine) => {
    for (let attempt = 0; ; attempt += 1) {
      const slower = { ...plan, rate: plan.rate / 4 ** attempt };
      const result = await attemptFit(engine, { input, features, weights, start, splits, plan: slower });
      if (result === null && attempt < retries) continue;
      if (result === null) {
        throw new WhetError('training-diverged', `the loss is not finite, also at a learning rate of ${slower.rate.toExponential(1)}`, {
          hint: 'Look for broken samples (constant or extreme features); the current model stays in use.',
        });
      }
      signal?.throwIfAborted();
      return {
        weights: scaling.unscale(result.weights),
        details: {
          epochs: result.epochs,
          rate: slower.rate,
          batch: plan.batch,
          anchor,
          knownClasses: known.filter(Boolean).length,
          ...(result.heldOutLoss === null ? {} : { heldOutLoss: result.heldOutLoss }),
        },
        crossValidated: splits.length > 1 ? result.predictions : null,
      };
    }
  });
}

interface Task {
  readonly input: LearnerInput;
  readonly features: Tensor;
  readonly weights: Float32Array;
  readonly start: Weights;
  readonly splits: readonly Split[];
  readonly plan: Plan;
}

interface Fit {
  readonly weights: Weights;
  readonly epochs: number;
  readonly heldOutLoss: number | null;
  readonly predictions: Float32Array | null;
}

/** One whole fit; null where a loss was not finite. */
async function attemptFit(engine: Engine, task: Task): Promise<Fit | null> {
  const { input, plan, splits, start } = task;
  const total = plan.epochs * (splits.length > 0 ? 2 : 1);
  const report = (done: number, what: string) => input.progress?.(Math.min(done, total), total, what);
  const search = await findEpochs(engine, task, (done) => report(done, 'when to stop'));
  if (search === null) return null;
  const all = Array.from({ length: input.train.count }, (_, row) => row);
  const random = randomOf(input.seed);
  let course = engine.begin(start);
  for (let epoch = 0; epoch < search.epochs; epoch += 1) {
    input.signal?.throwIfAborted();
    const next = await advance(engine, course, all, plan, epoch, random);
    if (next === null) return null;
    course = next;
    report(total - search.epochs + epoch + 1, 'training');
  }
  return { ...search, weights: course.weights };
}

/** Trains all splits side by side, epoch by epoch, until their held-out loss no longer falls. Keeps the predictions of the best epoch. */
async function findEpochs(engine: Engine, task: Task, report: (done: number) => void): Promise<Omit<Fit, 'weights'> | null> {
  const { input, splits, plan, start } = task;
  const parts = splits.map((split, index) => ({ ...partOf(task, split), random: randomOf(input.seed + index + 1) }));
  // Half the epochs, where nothing can be held out that would tell.
  const blind = { epochs: Math.ceil(plan.epochs / 2), heldOutLoss: null, predictions: null };
  if (parts.every((part) => part.weight === 0)) return blind;
  let courses: readonly Course[] = parts.map(() => engine.begin(start));
  let best: Omit<Fit, 'weights'> & { readonly heldOutLoss: number } = {
    epochs: 0,
    heldOutLoss: Number.POSITIVE_INFINITY,
    predictions: null,
  };
  for (let epoch = 0; epoch < plan.epochs && epoch - best.epochs < plan.patience; epoch += 1) {
    input.signal?.throwIfAborted();
    const predictions = new Float32Array(input.train.count * input.classes);
    const next: Course[] = [];
    let loss = 0;
    for (const [index, part] of parts.entries()) {
      const course = await advance(engine, courses[index] as Course, part.train, plan, epoch, part.random);
      if (course === null) return null;
      next.push(course);
      const logits = await engine.logits(course.weights, part.features);
      loss += part.lossOf(logits);
      for (const [at, row] of part.holdout.entries()) {
        predictions.set(logits.subarray(at * input.classes, (at + 1) * input.classes), row * input.classes);
      }
    }
    const mean = loss / parts.reduce((sum, part) => sum + part.weight, 0);
    if (!Number.isFinite(mean)) return null;
    if (mean < best.heldOutLoss) best = { epochs: epoch + 1, heldOutLoss: mean, predictions };
    courses = next;
    report(epoch + 1);
  }
  return best;
}

/** One epoch over some rows; null where its loss is not finite. */
async function advance(engine: Engine, course: Course, rows: readonly number[], plan: Plan, epoch: number, random: () => number) {
  const order = orderOfEpoch(rows, plan.batch, random);
  const { course: next, loss } = await engine.epoch(course, order, ratesOfEpoch(plan, epoch, order.length / plan.batch));
  return Number.isFinite(loss) ? next : null;
}

/** The held-out side of a split. Rows of classes that the other side does not have are predicted, but prove nothing. */
function partOf({ input, features, weights }: Task, split: Split) {
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

function splitsOf(train: FeatureSet, tail: FloatTail, seed: number): readonly Split[] {
  const groups = countGroups(train);
  if (groups < 2) return [];
  const weights = tail.parameters.reduce((sum, { dims }) => sum + sizeOf(dims), 0);
  if (train.count > foldRows || weights > foldWeights) {
    const split = holdOut(train, 0.15, seed);
    return split.holdout.length === 0 ? [] : [split];
  }
  const count = Math.min(folds, groups);
  const foldOf = assignFolds(train, count, seed);
  const rows = Array.from({ length: train.count }, (_, row) => row);
  return Array.from({ length: count }, (_, fold) => ({
    train: rows.filter((row) => foldOf[row] !== fold),
    holdout: rows.filter((row) => foldOf[row] === fold),
  })).filter((split) => split.train.length > 0 && split.holdout.length > 0);
}

async function withEngine<T>(
  open: OpenEngine,
  tail: FloatTail,
  samples: EngineSamples,
  options: EngineOptions,
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  await using engine = await open(tail, samples, options);
  return await use(engine);
}

/** The tail with the shape of its features spelled out. */
function bindFeatures(tail: FloatTail, sample: readonly number[]): FloatTail {
  const shape: readonly Dim[] = ['batch', ...sample];
  const inputs = tail.model.graph.inputs.map((info) => (info.name === tail.input ? { ...info, shape } : info));
  return { ...tail, model: { ...tail.model, graph: { ...tail.model.graph, inputs } } };
}

function requireUsable(train: FeatureSet, classes: number): void {
  if (train.count === 0) throw new WhetError('internal', 'the gradient learner got no samples');
  const label = train.labels.subarray(0, train.count).find((each) => each < 0 || each >= classes);
  if (label !== undefined) throw new WhetError('internal', `label ${label} is not one of ${classes} classes`);
  const broken = train.features.subarray(0, train.count * train.width).findIndex((value) => !Number.isFinite(value));
  if (broken < 0) return;
  throw new WhetError(
    'training-diverged',
    `feature ${broken % train.width} of sample ${Math.floor(broken / train.width)} is not a finite number`,
    {
      hint: 'Embed the samples again, and look at the one named; the current model stays in use.',
    },
  );
}
