// Rows that stand for classes of which there is no capture: what the head's own weights say their features look like, with the spread of the
// captures that there are. Pure; seeded. Gives nothing for a head of zeros.
//
// A trained head's weights point from the mean of all features to the mean of their class (cosine 0.64 to 0.83 on four networks), and where
// features are never negative, the root mean square of the weights over the classes has the direction of the mean of all (0.96 to 0.99).

import { randomOf } from '../../random.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { multiply, type Rows } from './gather.ts';

export interface Head {
  /** [width, classes], each row centred over the known classes. */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  readonly classes: number;
  readonly known: readonly boolean[];
}

export interface StandIns {
  readonly rows: Rows;
  readonly labels: Int32Array;
}

/** Stand-ins of one class, and of all. */
const each = 6;
const most = 400;
/** Multiplications up to which logits are summed here, in double precision: some 50 ms. Beyond, the runtime does it in single. */
const smallProduct = 50_000_000;
/** Where clipping at zero takes from what a class's weights give, a row is moved further, this often. */
const attempts = 6;

type Captures = Rows & { readonly labels: Int32Array; readonly logits: readonly Float64Array[] };

/** Rows for classes of which there is no capture; of many classes, for those that captures come nearest to. */
export function standInsOf(
  silent: readonly number[],
  head: Head,
  train: Captures,
  { seed, runtime }: { readonly seed: number; readonly runtime: Runtime },
): Promise<StandIns> {
  return standIns(head, train, nearest(head, train.logits, silent), { next: randomOf(seed), runtime });
}

/** The classes that captures come nearest to: there is room for so many. */
function nearest({ classes, known }: Head, said: readonly Float64Array[], silent: readonly number[]): readonly number[] {
  const room = Math.floor(most / each);
  if (silent.length <= room) return silent;
  const closest = new Float64Array(classes).fill(Number.NEGATIVE_INFINITY);
  for (const logits of said) {
    const { first, second } = highestTwo(logits, known);
    for (const label of silent) {
      const lead = logits[label]! - (logits[label] === first ? second : first);
      if (lead > closest[label]!) closest[label] = lead;
    }
  }
  return [...silent].sort((a, b) => closest[b]! - closest[a]!).slice(0, room);
}

/**
 * `each` rows of every class in `wanted`: the mean of all features, as far along the class's weights as makes the head as sure of it as it is of
 * the captures, and the deviation of a capture from the mean of its own class.
 */
async function standIns(
  head: Head,
  train: Captures,
  wanted: readonly number[],
  { next, runtime }: { readonly next: () => number; readonly runtime: Runtime },
): Promise<StandIns> {
  const { width, count } = train;
  const isPositive = train.features.subarray(0, count * width).every((value) => value >= 0);
  const { middle, deviations } = spreadOf(train);
  const centre = isPositive ? meanOfAll(head, middle) : middle;
  const margins = Float32Array.from(train.logits, (logits) => marginOf(logits, head.known));
  const labels = Int32Array.from({ length: wanted.length * each }, (_, row) => wanted[Math.floor(row / each)]!);
  const features = new Float32Array(labels.length * width);
  const directions = wanted.map((label) => directionOf(head, label));
  const draws = Array.from(labels, () => ({ from: Math.floor(next() * count), margin: margins[Math.floor(next() * count)]!, far: 0 }));
  const place = (row: number) => {
    const { from, far } = draws[row]!;
    const direction = directions[Math.floor(row / each)]!;
    const own = rowOf({ features, width, count: labels.length }, row);
    for (let at = 0; at < width; at += 1) {
      const value = Math.fround(centre[at]! + far * direction[at]! + deviations[from * width + at]!);
      own[at] = isPositive ? Math.max(0, value) : value;
    }
  };
  const all = [...labels.keys()];
  all.forEach(place);
  const rows = { features, count: labels.length, width };
  const starts = await logitsOf(head, rows, runtime);
  const flat = { ...head, bias: new Float32Array(head.classes) };
  const slopes = await logitsOf(flat, { features: concatenated(directions, width), count: wanted.length, width }, runtime);
  for (const [row, draw] of draws.entries())
    draw.far = howFar(head, starts[row]!, slopes[Math.floor(row / each)]!, labels[row]!, draw.margin);
  all.forEach(place);
  let short = all;
  for (let attempt = 1; attempt < attempts && short.length > 0; attempt += 1) {
    const some = concatenated(
      short.map((row) => rowOf(rows, row)),
      width,
    );
    const logits = await logitsOf(head, { features: some, count: short.length, width }, runtime);
    short = short.filter((row, at) => leadOf(logits[at]!, labels[row]!, head.known) < draws[row]!.margin);
    for (const row of short) draws[row]!.far *= 1.25;
    short.forEach(place);
  }
  return { rows, labels };
}

/** Logits of all rows. */
export async function logitsOf(head: Head, { features, count, width }: Rows, runtime: Runtime): Promise<readonly Float64Array[]> {
  const { weights, bias, classes } = head;
  if (count * width * classes <= smallProduct)
    return Array.from({ length: count }, (_, row) => logitsAt(head, features.subarray(row * width, (row + 1) * width)));
  const rows = { data: features.subarray(0, count * width), rows: count, inner: width };
  const product = await multiply(rows, { data: weights, columns: classes, transposed: false }, runtime);
  return Array.from({ length: count }, (_, row) =>
    Float64Array.from({ length: classes }, (_, label) => product[row * classes + label]! + bias[label]!),
  );
}

/** Logits of one row. */
export function logitsAt({ weights, bias, classes }: Head, row: Float32Array): Float64Array {
  const logits = Float64Array.from(bias);
  for (const [feature, value] of row.entries())
    if (value !== 0) for (let label = 0; label < classes; label += 1) logits[label]! += value * weights[feature * classes + label]!;
  return logits;
}

/** How far a class's logit lies above the highest of the other known ones. */
export function leadOf(logits: Float64Array, label: number, known: readonly boolean[]): number {
  let next = Number.NEGATIVE_INFINITY;
  for (let other = 0; other < logits.length; other += 1)
    if (other !== label && known[other] === true && logits[other]! > next) next = logits[other]!;
  return logits[label]! - next;
}

/** The two highest logits of known classes; the second is the first where there is but one. */
function highestTwo(logits: Float64Array, known: readonly boolean[]): { readonly first: number; readonly second: number } {
  let [first, second] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let label = 0; label < logits.length; label += 1) {
    if (known[label] !== true) continue;
    const logit = logits[label]!;
    if (logit > first) [first, second] = [logit, first];
    else if (logit > second) second = logit;
  }
  return { first, second: second === Number.NEGATIVE_INFINITY ? first : second };
}

/** How far the highest logit lies above the next, of known classes. */
export function marginOf(logits: Float64Array, known: readonly boolean[]): number {
  const { first, second } = highestTwo(logits, known);
  return first - second;
}

/** The smallest step along a direction of these `slopes` after which the label leads by `margin`; logits are linear in it. */
function howFar(head: Head, logits: Float64Array, slopes: Float64Array, label: number, margin: number): number {
  let far = 0;
  for (let other = 0; other < head.classes; other += 1) {
    if (other === label || head.known[other] !== true) continue;
    const slope = slopes[label]! - slopes[other]!;
    if (slope > 0) far = Math.max(far, (margin - logits[label]! + logits[other]!) / slope);
  }
  return far;
}

function concatenated(rows: readonly Float32Array[], width: number): Float32Array {
  const all = new Float32Array(rows.length * width);
  for (const [row, values] of rows.entries()) all.set(values, row * width);
  return all;
}

/** The mean of the captures, and how each deviates from the mean of its class. */
function spreadOf({ features, width, count, labels }: Rows & { readonly labels: Int32Array }) {
  const middle = new Float32Array(width);
  const means = new Map<number, { readonly mean: Float64Array; rows: number }>();
  for (let row = 0; row < count; row += 1) {
    const own = means.get(labels[row]!) ?? { mean: new Float64Array(width), rows: 0 };
    means.set(labels[row]!, own);
    own.rows += 1;
    for (let at = 0; at < width; at += 1) {
      own.mean[at]! += features[row * width + at]!;
      middle[at]! += features[row * width + at]! / count;
    }
  }
  const deviations = new Float32Array(count * width);
  for (let row = 0; row < count; row += 1) {
    const { mean, rows } = means.get(labels[row]!)!;
    for (let at = 0; at < width; at += 1) deviations[row * width + at] = features[row * width + at]! - mean[at]! / rows;
  }
  return { middle, deviations };
}

/** As long as the mean of the captures, in the direction of the weights' root mean square. */
function meanOfAll({ weights, classes }: Head, middle: Float32Array): Float32Array {
  const size = middle.map((_, feature) => length(weights.subarray(feature * classes, (feature + 1) * classes)));
  const factor = length(middle) / (length(size) || 1);
  return size.map((value) => value * factor);
}

function directionOf({ weights, classes }: Head, label: number): Float32Array {
  const direction = Float32Array.from({ length: weights.length / classes }, (_, feature) => weights[feature * classes + label]!);
  const size = length(direction) || 1;
  return direction.map((value) => value / size);
}

function rowOf({ features, width }: Rows, row: number): Float32Array {
  return features.subarray(row * width, (row + 1) * width);
}

function length(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
}
