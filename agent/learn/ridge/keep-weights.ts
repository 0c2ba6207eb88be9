// The closed form where some class that the model knows has no labels and nothing else says what was known: the change of the taught classes'
// weights is learned, by ridge regression of what the base's own logits lack, and rows that stand for the other classes hold it back. The weights of
// classes without labels stay as they are to the bit. A new class gets a row of its own (new-class.ts).
//
// Measured (scripts/keep-study.mjs): one-hot targets leave classes without labels right on 0 of 100; this costs
// them one point or two.
import { headRows, readHead, requireHead, writeHead } from '../head-rows.ts';
import type { FittedTail, LearnerInput } from '../learner.ts';
import { dualLimit, openDualRidge } from './dual-ridge.ts';
import type { Rows } from './gather.ts';
import { begin, headOf } from './known-head.ts';
import { type NewRow, newRows } from './new-class.ts';
import { openPrimalRidge } from './primal-ridge.ts';
import type { RidgeFit } from './ridge.ts';
import { type Head, leadOf, logitsOf, marginOf, standInsOf } from './stand-ins.ts';

const lambdas = [0.03, 0.1, 0.3, 1, 3, 10, 30, 100];
/** How far the true class is lifted above the next, in units of the margin that the base usually has. */
const lift = 0.5;
/** Stand-ins weigh as much together as the captures, times this. */
const share = 3;

/** Whether the classes that the head knows are to be held, because some of them have no labels. */
export function isPartlyTaught(labels: Int32Array, known: readonly boolean[]): boolean {
  const taught = new Set(labels);
  return known.some((isKnown, label) => isKnown && !taught.has(label));
}

/** `weights` are those of the rows of `train`. At least one class is known, and one has labels. */
export async function fitKeeping(input: LearnerInput, known: readonly boolean[], weights: Float32Array): Promise<FittedTail> {
  const { tail, train, classes, runtime, seed } = input;
  const own = await headRows(tail, { ...train, weights }, runtime);
  const hasBias = requireHead(tail).bias !== null;
  const start = begin(readHead(tail), known);
  const head = headOf(start, known);
  const labels = train.labels.subarray(0, train.count);
  const present = [...new Set(labels)].sort((a, b) => a - b);
  const silent = known.flatMap((isKnown, label) => (isKnown && !present.includes(label) ? [label] : []));
  const fresh = present.filter((label) => known[label] !== true);
  const made = newRows(head, { ...own, labels, groups: train.groups }, fresh, hasBias);
  const before = withRows(start, made, classes);
  const taught = present.filter((label) => !fresh.includes(label));
  if (taught.length === 0) {
    const logits = await logitsOf(head, own, runtime);
    answerAlso(logits, made);
    return {
      weights: writeHead(tail, before),
      details: { form: 'means', heldClasses: silent.length },
      crossValidated: predictions(logits, new Float32Array(), [], classes),
    };
  }
  const said = await logitsOf(head, own, runtime);
  const held = await standInsOf(silent, head, { ...own, labels, logits: said }, { seed, runtime });
  const rows = joined(own, weights, held.rows);
  const logits = [...said, ...(await logitsOf(head, held.rows, runtime))];
  const all = Int32Array.from([...labels, ...held.labels]);
  const targets = residuals(head, logits, all, taught, labels.length);
  answerAlso(logits, made);
  const highest = train.groups.subarray(0, train.count).reduce((most, group) => Math.max(most, group), 0);
  const groups = Int32Array.from(
    [...train.groups.subarray(0, train.count), ...held.labels.keys()].map((group, row) =>
      row < labels.length ? group : highest + 1 + group,
    ),
  );
  const problem = { rows, groups, targets, columns: taught.length, intercept: hasBias, runtime };
  const isDual = rows.count <= Math.min(dualLimit, 2 * rows.width);
  await using ridge = isDual
    ? await openDualRidge(problem)
    : await openPrimalRidge({ ...problem, labels: all, prior: null, personalWeight: 1, seed });
  const leftOut = (await ridge.leftOut(lambdas)) ?? [];
  const errors = leftOut.map((predicted) =>
    predicted === null ? Number.POSITIVE_INFINITY : squaredError(predicted, targets, rows.weights as Float32Array, taught.length),
  );
  const least = Math.min(...errors);
  const best = Number.isFinite(least) ? errors.indexOf(least) : -1;
  const lambda = lambdas[best] ?? (lambdas.at(-1) as number);
  const change = await ridge.solve(lambda);
  if (best < 0) return finished(change, null);
  const left = predictions(logits, leftOut[best] as Float32Array, taught, classes);
  return finished(change, left);

  function finished(by: RidgeFit, left: Float32Array | null): FittedTail {
    return {
      weights: writeHead(tail, changed(before, by, taught, classes)),
      details: { form: isDual ? 'dual' : 'primal', lambda, heldClasses: silent.length, standIns: held.rows.count },
      crossValidated: left?.slice(0, labels.length * classes) ?? null,
    };
  }
}

/** A new class lies above the mean of the known ones by what its row says. */
function withRows({ weights, bias }: RidgeFit, made: readonly NewRow[], classes: number): RidgeFit {
  const all: RidgeFit = { weights: Float32Array.from(weights), bias: Float32Array.from(bias) };
  for (const row of made) {
    for (const [feature, value] of row.weights.entries()) all.weights[feature * classes + row.label]! += value;
    all.bias[row.label]! += row.bias;
  }
  return all;
}

/** What rows say for new classes, each without its own moment. */
function answerAlso(logits: readonly Float64Array[], made: readonly NewRow[]): void {
  for (const { label, leftOut } of made) for (const [row, logit] of leftOut.entries()) logits[row]![label] = logit;
}

function joined(own: Rows, weights: Float32Array, held: Rows): Rows & { readonly weights: Float32Array } {
  const features = new Float32Array((own.count + held.count) * own.width);
  features.set(own.features.subarray(0, own.count * own.width));
  features.set(held.features, own.count * own.width);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const heavy = new Float32Array(held.count).fill((share * total) / Math.max(1, held.count));
  return { features, count: own.count + held.count, width: own.width, weights: Float32Array.from([...weights, ...heavy]) };
}

/**
 * [rows, taught]: what the logits of the taught classes lack. A capture's class is lifted to a margin above the next; of any other row nothing else
 * is wanted than what the base says. A new class has no part in it.
 */
function residuals(head: Head, logits: readonly Float64Array[], labels: Int32Array, taught: readonly number[], own: number): Float32Array {
  const margins = logits
    .slice(0, own)
    .filter((_, row) => head.known[labels[row]!])
    .map((each) => marginOf(each, head.known))
    .sort((a, b) => a - b);
  const margin = margins[Math.floor(margins.length / 2)]!;
  const targets = new Float32Array(logits.length * taught.length);
  for (const [row, each] of logits.entries()) {
    const at = taught.indexOf(labels[row]!);
    if (at >= 0) targets[row * taught.length + at] = Math.max(0, lift * margin - leadOf(each, labels[row]!, head.known));
  }
  return targets;
}

function squaredError(predicted: Float32Array, targets: Float32Array, weights: Float32Array, columns: number): number {
  return predicted.reduce((sum, value, at) => sum + weights[Math.floor(at / columns)]! * (value - targets[at]!) ** 2, 0);
}

function changed(before: RidgeFit, change: RidgeFit, taught: readonly number[], classes: number): RidgeFit {
  const add = (values: Float32Array, by: Float32Array) => {
    const sum = Float32Array.from(values);
    for (let row = 0; row < sum.length / classes; row += 1)
      for (const [at, label] of taught.entries()) sum[row * classes + label]! += by[row * taught.length + at]!;
    return sum;
  };
  return { weights: add(before.weights, change.weights), bias: add(before.bias, change.bias) };
}

/** Logits of all rows with the change that was learned without them. */
function predictions(logits: readonly Float64Array[], leftOut: Float32Array, taught: readonly number[], classes: number): Float32Array {
  const all = new Float32Array(logits.length * classes);
  for (const [row, own] of logits.entries()) {
    all.set(own, row * classes);
    for (const [at, label] of taught.entries()) all[row * classes + label]! += leftOut[row * taught.length + at]!;
  }
  return all;
}
