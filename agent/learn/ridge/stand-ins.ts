// Rows that stand for classes of which there is no capture: what the head's own weights say their features look like, with the spread of the
// captures that there are. Pure; seeded. Gives nothing for a head of zeros.
//
// A trained head's weights point from the mean of all features to the mean of their class (cosine 0.64 to 0.83 on four networks), and where
// features are never negative, the root mean square of the weights over the classes has the direction of the mean of all (0.96 to 0.99).
import type { Rows } from './gather.ts';

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

/** Where clipping at zero takes from what a class's weights give, a row is moved further, this often. */
const attempts = 6;

/**
 * `each` rows of every class in `wanted`: the mean of all features, as far along the class's weights as makes the head as sure of it as it is of
 * the captures, and the deviation of a capture from the mean of its own class.
 */
export function standIns(
  head: Head,
  train: Rows & { readonly labels: Int32Array },
  wanted: readonly number[],
  each: number,
  next: () => number,
): StandIns {
  const { width, count } = train;
  const isPositive = train.features.subarray(0, count * width).every((value) => value >= 0);
  const { middle, deviations } = spreadOf(train);
  const centre = isPositive ? meanOfAll(head, middle) : middle;
  const margins = Float32Array.from({ length: count }, (_, row) => marginOf(logitsAt(head, rowOf(train, row)), head.known));
  const features = new Float32Array(wanted.length * each * width);
  const labels = Int32Array.from({ length: wanted.length * each }, (_, row) => wanted[Math.floor(row / each)]!);
  for (const [row, label] of labels.entries()) {
    const from = Math.floor(next() * count);
    const margin = margins[Math.floor(next() * count)]!;
    const direction = directionOf(head, label);
    const at = (far: number) =>
      direction.map((step, feature) => {
        const value = centre[feature]! + far * step + deviations[from * width + feature]!;
        return isPositive ? Math.max(0, value) : value;
      });
    let far = howFar(head, at(0), direction, label, margin);
    for (let attempt = 1; attempt < attempts && leadOf(logitsAt(head, at(far)), label, head.known) < margin; attempt += 1) far *= 1.25;
    features.set(at(far), row * width);
  }
  return { rows: { features, count: labels.length, width }, labels };
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
  for (const [other, logit] of logits.entries()) if (other !== label && known[other] === true && logit > next) next = logit;
  return logits[label]! - next;
}

/** How far the highest logit lies above the next, of known classes. */
export function marginOf(logits: Float64Array, known: readonly boolean[]): number {
  const [first = 0, second = first] = [...logits].filter((_, label) => known[label]).sort((a, b) => b - a);
  return first - second;
}

/** The smallest step along `direction` after which the label leads by `margin`; logits are linear in it. */
function howFar(head: Head, start: Float32Array, direction: Float32Array, label: number, margin: number): number {
  const logits = logitsAt(head, start);
  const slopes = logitsAt({ ...head, bias: new Float32Array(head.classes) }, direction);
  let far = 0;
  for (let other = 0; other < head.classes; other += 1) {
    if (other === label || head.known[other] !== true) continue;
    const slope = slopes[label]! - slopes[other]!;
    if (slope > 0) far = Math.max(far, (margin - logits[label]! + logits[other]!) / slope);
  }
  return far;
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
