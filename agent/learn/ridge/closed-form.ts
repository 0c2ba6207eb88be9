// The closed-form learner: ridge regression of one-hot targets on the features before the last linear layer, λ chosen on rows that were left
// out, drawn to what the model knew (its statistics, or its base weights), and one scale that makes softmax honest, folded into the weights.
// Where a class that the model knows has no labels and there are no statistics, `keep-weights.ts` learns a change of the weights instead.

import type { Runtime } from '../../runtime/runtime.ts';
import type { FeatureSet } from '../../types.ts';
import { knownClasses } from '../gradient/memory.ts';
import { headRows, readHead, requireHead, writeHead } from '../head-rows.ts';
import type { FittedTail, Learner, LearnerInput } from '../learner.ts';
import { countGroups } from '../splits.ts';
import { crossEntropy, fitScale } from '../temperature.ts';
import { balancedWeights } from './balance.ts';
import { dualLimit, openDualRidge } from './dual-ridge.ts';
import { multiply, oneHot, type Rows } from './gather.ts';
import { fitKeeping, isPartlyTaught } from './keep-weights.ts';
import { openPrimalRidge } from './primal-ridge.ts';
import type { Ridge, RidgeFit } from './ridge.ts';

/** Powers of ten tried first, in units of the mean squared distance from the mean; further ones where the best lies at an end. */
const coarse = [-1, 0, 1, 2];
const lowestPower = -5;
const buried = [-8, -7, -6, -5, -4, -3];
const highestPower = 4;
/** Share of the error of who knows nothing, from which on nothing shows. */
const nearlyBlind = 0.9;
/**
 * Where nothing can be left out. On real features the best λ lay within half a power of ten of 1, and the scale between 8 and 11, for 5 as
 * for 200 samples a class; a lower scale is the careful choice for fewer.
 */
const unknown = { power: 0, scale: 5 };

export const closedForm: Learner = { name: 'closed-form', trains: 'head', usesStatistics: true, seesRounding: false, fit };

/** What one λ gives on rows that were left out. */
interface Attempt {
  readonly power: number;
  /** [count, classes], before the scale. */
  readonly logits: Float32Array;
  /** How much of the base weights is kept, as a factor on their logits. */
  readonly kept: number;
  readonly error: number;
}

interface Task {
  readonly rows: Rows;
  readonly labels: Int32Array;
  readonly classes: number;
  /** [count, classes]. */
  readonly targets: Float32Array;
  /** Logits of the base weights, each row centred; null where nothing is kept of them. */
  readonly base: Float32Array | null;
  /** Weight of each row as evidence: 0 where its class has no other group, because leaving it out leaves nothing of the class. */
  readonly evidence: Float32Array;
}

async function fit(input: LearnerInput): Promise<FittedTail> {
  const { tail, train, classes, runtime, signal, progress } = input;
  const head = requireHead(tail);
  const weights = balancedWeights(train, classes, input.prior, input.prior === null ? 1 : input.personalWeight);
  const known = knownClasses(tail, classes);
  if (input.prior === null && known.includes(true) && isPartlyTaught(train.labels.subarray(0, train.count), known))
    return fitKeeping(input, known, weights);
  const rows = await headRows(tail, { ...train, weights }, runtime);
  const before = centreColumns(readHead(tail), classes);
  const isBlank = before.weights.every((weight) => weight === 0);
  const base = input.prior !== null || isBlank ? null : await logitsOf(rows, before, classes, runtime);
  const labels = train.labels.subarray(0, train.count);
  const task: Task = { rows, labels, classes, targets: oneHot(labels, classes), base, evidence: evidenceOf(train, classes, weights) };
  const isDual = input.prior === null && train.count <= Math.min(dualLimit, 2 * rows.width);
  const problem = {
    rows,
    groups: train.groups,
    targets: base === null ? task.targets : sideBySide(task.targets, base, classes),
    columns: base === null ? classes : 2 * classes,
    intercept: head.bias !== null,
    runtime,
  };
  await using ridge = isDual
    ? await openDualRidge(problem)
    : await openPrimalRidge({
        ...problem,
        labels: train.labels,
        prior: input.prior,
        personalWeight: input.personalWeight,
        seed: input.seed,
      });
  const best = await search(ridge, task, signal, (done) => progress?.(done, null, 'closed form'));
  const isInformed = best !== null && task.evidence.some((weight) => weight > 0);
  const power = isInformed ? best.power : unknown.power;
  const kept = isInformed ? best.kept : 0;
  const solved = await ridge.solve(10 ** power);
  const scale = isInformed
    ? fitScale({ logits: best.logits, labels, classes, weights: task.evidence, moments: countGroups(train) })
    : unknown.scale;
  const fitted = finish(solved, before, classes, kept, scale);
  return {
    weights: writeHead(tail, fitted),
    details: { form: isDual ? 'dual' : 'primal', lambda: 10 ** power, scale, baseKept: kept },
    crossValidated: best === null ? null : best.logits.map((logit) => logit * scale),
  };
}

/**
 * The λ that serves left-out rows best; null where there is but one group and so nothing to leave out. Measured: from nothing, squared error
 * chooses as well as likelihood or better (5 photographs a class: 0.451 against 0.445); drawn to base weights, whose logits are no
 * one-hot targets, likelihood does (tinycnn on its own kind of photographs, 50 a class: 0.693 against 0.675).
 */
async function search(ridge: Ridge, task: Task, signal: AbortSignal | undefined, report: (done: number) => void): Promise<Attempt | null> {
  const attempts: Attempt[] = [];
  const attempt = async (powers: readonly number[]) => {
    signal?.throwIfAborted();
    const left = await ridge.leftOut(powers.map((power) => 10 ** power));
    // A λ that cannot be solved for is a bad one.
    for (const [at, predictions] of (left ?? []).entries()) {
      const judged = predictions?.every(Number.isFinite) ? judge(task, powers[at] as number, predictions) : null;
      if (judged !== null && Number.isFinite(judged.error)) attempts.push(judged);
    }
    attempts.sort((a, b) => a.power - b.power);
    report(attempts.length);
  };
  const best = () => attempts.reduce((a, b) => (b.error < a.error ? b : a));
  await attempt(coarse);
  if (attempts.length === 0) return null;
  for (let next = best().power - 1; next >= lowestPower && best() === attempts[0]; next -= 1) await attempt([next]);
  for (let next = best().power + 1; next <= highestPower && best() === attempts.at(-1); next += 1) await attempt([next]);
  // Where a few directions outweigh all others, what tells the classes apart shows at a far smaller λ, and nothing at the usual ones.
  if (best().power > 1 || best().error > nearlyBlind * blindError(task)) await attempt(buried);
  const around = best().power;
  await attempt([around - 0.5, around + 0.5]);
  const vertex = parabolaMinimum(attempts, attempts.indexOf(best()));
  if (vertex !== null) await attempt([vertex]);
  return best();
}

function judge(task: Task, power: number, predictions: Float32Array): Attempt {
  const { targets, base, classes } = task;
  const logits = new Float32Array(targets.length);
  let kept = 0;
  if (base === null) logits.set(predictions);
  else {
    // Fitting y − γz for base logits z predicts f_y + γ(z − f_z) on a left-out row: linear in γ, so the best γ is a quotient.
    const rest = new Float32Array(targets.length);
    for (const [at] of targets.entries()) {
      const wide = Math.floor(at / classes) * 2 * classes + (at % classes);
      logits[at] = predictions[wide]!;
      rest[at] = base[at]! - predictions[wide + classes]!;
    }
    kept = bestFactor(task, logits, rest);
    for (let at = 0; at < logits.length; at += 1) logits[at]! += kept * rest[at]!;
  }
  centreRows(logits, classes);
  return { power, logits, kept, error: base === null ? squaredError(task, logits) : bestLikelihood(task, logits) };
}

/** Of predicting every class alike, as `judge` counts. */
function blindError({ base, classes, evidence }: Task): number {
  return base === null ? evidence.reduce((sum, weight) => sum + weight, 0) * (1 - 1 / classes) : Math.log(classes);
}

function squaredError({ targets, classes, evidence }: Task, logits: Float32Array): number {
  let error = 0;
  for (const [row, weight] of evidence.entries()) {
    for (let column = 0; column < classes; column += 1) {
      const miss = targets[row * classes + column]! - 1 / classes - logits[row * classes + column]!;
      error += weight * miss * miss;
    }
  }
  return error;
}

/** Negative log-likelihood at the best scale. */
function bestLikelihood({ labels, classes, evidence }: Task, logits: Float32Array): number {
  const predicted = { logits, labels, classes, weights: evidence };
  return crossEntropy(predicted, fitScale(predicted));
}

/** Least squares for γ in y ≈ f + γ·rest, never negative. */
function bestFactor({ targets, classes, evidence }: Task, predictions: Float32Array, rest: Float32Array): number {
  let along = 0;
  let length = 0;
  for (let at = 0; at < rest.length; at += 1) {
    const weight = evidence[Math.floor(at / classes)]!;
    along += weight * rest[at]! * (targets[at]! - predictions[at]!);
    length += weight * rest[at]! * rest[at]!;
  }
  return length > 0 ? Math.max(0, along / length) : 0;
}

/** W = scale · (W_y − γ W_z + γ W_base), every class less the mean of all, which softmax does not see. */
function finish(solved: RidgeFit, before: RidgeFit, classes: number, kept: number, scale: number): RidgeFit {
  const columns = solved.bias.length;
  const combine = (wide: Float32Array, base: Float32Array) =>
    Float32Array.from({ length: (wide.length / columns) * classes }, (_, at) => {
      const from = Math.floor(at / classes) * columns + (at % classes);
      const drawn = columns > classes ? kept * (base[at]! - wide[from + classes]!) : 0;
      return scale * (wide[from]! + drawn);
    });
  return centreColumns({ weights: combine(solved.weights, before.weights), bias: combine(solved.bias, before.bias) }, classes);
}

function centreColumns({ weights, bias }: RidgeFit, classes: number): RidgeFit {
  const centred = { weights: Float32Array.from(weights), bias: Float32Array.from(bias) };
  centreRows(centred.weights, classes);
  centreRows(centred.bias, classes);
  return centred;
}

function centreRows(matrix: Float32Array, classes: number): void {
  for (let from = 0; from < matrix.length; from += classes) {
    let sum = 0;
    for (let at = from; at < from + classes; at += 1) sum += matrix[at]!;
    for (let at = from; at < from + classes; at += 1) matrix[at]! -= sum / classes;
  }
}

async function logitsOf(rows: Rows, { weights, bias }: RidgeFit, classes: number, runtime: Runtime): Promise<Float32Array> {
  const operand = { data: rows.features, rows: rows.count, inner: rows.width };
  const logits = await multiply(operand, { data: weights, columns: classes, transposed: false }, runtime);
  return logits.map((logit, at) => logit + bias[at % classes]!);
}

function sideBySide(left: Float32Array, right: Float32Array, columns: number): Float32Array {
  const wide = new Float32Array(left.length * 2);
  for (let from = 0; from < left.length; from += columns) {
    wide.set(left.subarray(from, from + columns), 2 * from);
    wide.set(right.subarray(from, from + columns), 2 * from + columns);
  }
  return wide;
}

/** Where the parabola through an attempt and its neighbours is lowest; null at the ends of the range and where it does not bend up. */
function parabolaMinimum(attempts: readonly Attempt[], at: number): number | null {
  const [a, b, c] = [attempts[at - 1], attempts[at], attempts[at + 1]];
  if (a === undefined || b === undefined || c === undefined) return null;
  const left = (b.error - a.error) / (b.power - a.power);
  const right = (c.error - b.error) / (c.power - b.power);
  const bend = right - left;
  const vertex = (a.power + b.power) / 2 - (left * (c.power - a.power)) / (2 * bend);
  return bend > 0 && vertex > a.power && vertex < c.power ? vertex : null;
}

function evidenceOf(set: FeatureSet, classes: number, weights: Float32Array): Float32Array {
  const groups = Array.from({ length: classes }, () => new Set<number>());
  for (let row = 0; row < set.count; row += 1) groups[set.labels[row]!]?.add(set.groups[row]!);
  return Float32Array.from({ length: set.count }, (_, row) => ((groups[set.labels[row]!]?.size ?? 0) > 1 ? weights[row]! : 0));
}
