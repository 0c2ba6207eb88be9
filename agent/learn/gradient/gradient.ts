// The gradient learner: trains all weights of a float tail on cached features, one runtime call an epoch. Folds that learn side by side say
// when to stop and give honest predictions; then everything is trained for as long. Refuses labels and features that are not usable numbers.

import { bindFeatures } from '../../autodiff/trainable.ts';
import { type GradientSettings, gradientDefaults } from '../../config/gradient-schema.ts';
import { WhetError } from '../../errors.ts';
import { sizeOf, type Tensor } from '../../onnx/ir.ts';
import type { FloatTail } from '../../onnx/surgery/tail.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { FeatureSet } from '../../types.ts';
import { featureShape } from '../head-rows.ts';
import type { FittedTail, Learner, LearnerInput } from '../learner.ts';
import { closedForm } from '../ridge/closed-form.ts';
import { floatTensor } from '../ridge/gather.ts';
import { assignFolds, countGroups, holdOut, type Split, takeRows } from '../splits.ts';
import { type EngineOptions, type EngineSamples, type GradientEngine, type OpenEngine, openEngine } from './engine.ts';
import { watchGrids } from './grid-watch.ts';
import { knownClasses, teachingOf } from './memory.ts';
import { planFor } from './plan.ts';
import { withReplay } from './replay.ts';
import { batchThatFits, roomNow } from './room.ts';
import { type Scaling, scalingOf, type Weights } from './scaling.ts';
import { attemptFit } from './search.ts';
import { withinBudget, withoutLayers } from './trained-layers.ts';

/** Up to this many samples (and weights) every row is predicted without it; beyond, one hold-out is evidence enough. */
const foldRows = 2000;
const foldWeights = 1_000_000;
const folds = 5;
/** Where each fold has rows enough to stand for the whole, and takes several layers' time. */
const deepFolds = { rows: 300, folds: 3 };
/** Strength of the pull to the weights at the start, as of a Gaussian prior: it fades as samples come in. Stronger where they know something. */
const pull = { known: 3, blank: 1 };
/** A diverging fit starts again at a quarter of the rate, this often. */
const retries = 3;

export const gradient: Learner = gradientOn(openEngine);

/** The learner on an engine of the caller's choice. */
export function gradientOn(open: OpenEngine): Learner {
  return {
    name: 'gradient',
    trains: 'tail',
    usesStatistics: false,
    seesRounding: true,
    fit: (input) => withReplay(input, (rows) => fitTail(rows, open)),
  };
}

async function fitTail(input: LearnerInput, open: OpenEngine): Promise<FittedTail> {
  const { train, classes, signal, runtime, settings = gradientDefaults } = input;
  requireUsable(train, classes);
  const sample = featureShape(input.tail, train.count, train.width).slice(1);
  const tail = await trainedPart(input, bindFeatures(input.tail, sample), settings);
  const scaling = scalingOf(tail, train);
  const initial: Weights = new Map(tail.parameters.map(({ name }) => [name, tail.model.graph.initializers.get(name) as Tensor]));
  const start = scaling.scale(initial);
  const features = floatTensor([train.count, ...sample], scaling.features);

  const known = knownClasses(tail, classes);
  const isBlank = !known.includes(true);
  const anchor = (isBlank ? pull.blank : pull.known) / (train.count * input.personalWeight);
  const splits = splitsOf(train, tail, input.seed);
  const smallest = Math.min(train.count, ...splits.map((split) => split.train.length));
  const wished = planFor(train.count, smallest, isDeep(tail) ? null : train.width, settings);
  const wish = { batch: wished.batch, samples: train.count, classes, courses: Math.max(1, splits.length) };
  const plan = { ...wished, batch: batchThatFits(tail, wish, input.room ?? roomNow(settings.memoryMegabytes)) };
  const labels = train.labels.subarray(0, train.count);
  const weights = train.weights?.subarray(0, train.count) ?? new Float32Array(train.count).fill(1);
  const { decay, smoothing, clip, mixup } = settings;
  const common = { classes, batch: plan.batch, anchor, base: start, runtime };
  const options = { ...common, decay, smoothing, ...(clip === 0 ? {} : { clip }), mixup: mixup > 0 };
  const untaught = { features, labels, weights, teaching: null };
  const teaching = isBlank
    ? null
    : await withEngine(open, tail, untaught, common, async (engine) => teachingOf(await engine.logits(start, features), labels, known));

  await using grids = settings.quantization === 'after' ? null : await watchGrids(tail, features, gridOptions(settings, scaling, runtime));
  return await withEngine(open, grids?.tail ?? tail, { ...untaught, teaching }, options, async (engine) => {
    const warm = async (rows: readonly number[] | null) => scaling.scale(await warmed(input, tail, initial, rows));
    const starts = await Promise.all(splits.map(async (split) => ({ ...split, start: await warm(split.train) })));
    const task = {
      input,
      features,
      weights,
      start: await warm(null),
      splits: starts,
      isWarm: startsWarm(tail),
      mixup,
      measureGrids: grids === null ? null : (trained: Weights) => grids.measure(trained),
    };
    for (let attempt = 0; ; attempt += 1) {
      const slower = { ...plan, rate: plan.rate / 4 ** attempt };
      const result = await attemptFit(engine, { ...task, plan: slower });
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
          layers: new Set(tail.parameters.map(({ layer }) => layer)).size,
          rate: slower.rate,
          batch: plan.batch,
          anchor,
          knownClasses: known.filter(Boolean).length,
          ...(result.heldOutLoss === null ? {} : { heldOutLoss: result.heldOutLoss }),
        },
        crossValidated: splits.length > 1 ? result.predictions : null,
        ...(splits.length === 1 && result.predictions !== null
          ? { heldOut: heldOutOf(splits[0] as Split, result.predictions, classes) }
          : {}),
      };
    }
  });
}

/** Whether other layers than the last linear one are trained. */
function isDeep({ parameters, head }: FloatTail): boolean {
  return parameters.some(({ name }) => name !== head?.weight && name !== head?.bias);
}

function startsWarm(tail: FloatTail): boolean {
  return isDeep(tail) && tail.parameters.some(({ name }) => name === tail.head?.weight);
}

/** The layers that train, as the settings say. */
async function trainedPart(
  { train, classes, runtime }: LearnerInput,
  tail: FloatTail,
  { freeze, updateMegabytes }: GradientSettings,
): Promise<FloatTail> {
  const thawed = withoutLayers(tail, freeze);
  if (updateMegabytes === null) return thawed;
  const shape = featureShape(tail, train.count, train.width);
  const samples = { features: floatTensor(shape, train.features), labels: train.labels.subarray(0, train.count) };
  const options = { classes, batch: Math.min(32, train.count), megabytes: updateMegabytes, runtime };
  return (await withinBudget(thawed, samples, options)).tail;
}

function gridOptions({ scales }: GradientSettings, { weight }: Scaling, runtime: Runtime) {
  return { left: new Set(weight === null ? [] : [weight]), recalibrate: scales === 'recalibrated', runtime };
}

/**
 * Weights to start from: where several layers are trained, the last one begins where the closed form puts it on the rows that will be learned
 * from, so that the first steps do not spoil the layers before it (Kumar et al. 2022). Otherwise the ones that the tail has.
 */
async function warmed(input: LearnerInput, tail: FloatTail, initial: Weights, rows: readonly number[] | null): Promise<Weights> {
  if (!startsWarm(tail)) return initial;
  const train = rows === null ? input.train : takeRows(input.train, rows);
  const { signal, runtime, seed, classes } = input;
  const { weights } = await closedForm.fit({
    tail,
    train,
    classes,
    seed,
    runtime,
    prior: null,
    personalWeight: 1,
    ...(signal === undefined ? {} : { signal }),
  });
  return new Map([...initial, ...weights]);
}

function heldOutOf({ holdout }: Split, predictions: Float32Array, classes: number): NonNullable<FittedTail['heldOut']> {
  const logits = new Float32Array(holdout.length * classes);
  for (const [at, row] of holdout.entries()) logits.set(predictions.subarray(row * classes, (row + 1) * classes), at * classes);
  return { rows: holdout, logits };
}

function splitsOf(train: FeatureSet, tail: FloatTail, seed: number): readonly Split[] {
  const groups = countGroups(train);
  if (groups < 2) return [];
  const weights = tail.parameters.reduce((sum, { dims }) => sum + sizeOf(dims), 0);
  if (train.count > foldRows || weights > foldWeights) {
    const split = holdOut(train, 0.15, seed);
    return split.holdout.length === 0 ? [] : [split];
  }
  const wanted = isDeep(tail) && train.count > deepFolds.rows ? deepFolds.folds : folds;
  const count = Math.min(wanted, groups);
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
  use: (engine: GradientEngine) => Promise<T>,
): Promise<T> {
  await using engine = await open(tail, samples, options);
  return await use(engine);
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
