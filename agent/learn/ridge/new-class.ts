// A class that the head does not know, from captures of it alone → its row of the head. The row points from the middle of all features to the mean
// of the captures; how long it is and how readily the class is named comes from the head and from captures that it was made without. Pure.
//
// Measured (scripts/keep-study.mjs --oracle): where the tests themselves place the row, it finds 0.67 of a new class of objects, and the network that
// was trained with the class 0.73; so the rest is where to stand. The rows of other classes are never touched.
import type { Rows } from './gather.ts';
import { seenBy } from './head-span.ts';
import { type Head, logitsAt } from './stand-ins.ts';

export interface NewRow {
  readonly label: number;
  /** [width]. */
  readonly weights: Float32Array;
  readonly bias: number;
  /** [count]: the logit of every row, by a row of the head made without its moment. */
  readonly leftOut: Float64Array;
}

type Captures = Rows & { readonly labels: Int32Array; readonly groups: Int32Array };

/** Features that are hardly ever negative, as behind ReLU or swish, have a middle that is known: it points where all are equal, or nearly. */
const mostNegative = 0.05;
/** Weights reach this share of what they promise on the mean of their class (0.57 to 0.71 on four networks). */
const reach = 0.6;
/** Known classes answer to their own captures by this much more than to those of a new class, or more (1.35 to 4.2). */
const surer = 1.45;
/**
 * How much the known classes' answers vary within the captures, as a part of the highest answer. A model that is rarely wrong is steady (0.3 and
 * 0.4, right on 99 % and more of its own classes), one that is often wrong is not (0.9 to 1.3, right on 70 to 78 %).
 */
const variation = { steady: 0.5, unsteady: 0.8 };
/** By what part of the row's length the class has to lead. */
const lead = { steady: -0.25, unsteady: -0.03 };
/** So much more of it each time that the number of new classes doubles: each takes from the known ones. */
const together = 0.1;
/** A class that is found more often than this, in standard deviations, where classes overlap takes the captures of others. */
const mostFound = 1;
/** Moments that say anything of how much answers vary. */
const fewest = 4;

function isMiddleKnown({ features, count, width }: Rows): boolean {
  let [negative, all] = [0, 0];
  for (let at = 0; at < count * width; at += 1) {
    const value = features[at]!;
    all += Math.abs(value);
    if (value < 0) negative -= value;
  }
  return negative <= mostNegative * all;
}

/** `head` is centred over the known classes; `hasBias` says whether the layer can shift the answer, else the weights do it. */
export function newRows(head: Head, own: Captures, labels: readonly number[], hasBias: boolean): readonly NewRow[] {
  if (labels.length === 0) return [];
  if (isMiddleKnown(own)) {
    const shape = shapeOf(head);
    const middleAt = (far: number) => shape.map((value) => value * far);
    return labels.map((label) => newRow({ head, own, label, hasBias, middleAt, fresh: labels.length }));
  }
  const { features, middle } = seenBy(head, own);
  const seen = { ...own, features };
  return labels.map((label) => newRow({ head, own: seen, label, hasBias, middleAt: () => middle, fresh: labels.length }));
}

interface Task {
  readonly head: Head;
  readonly own: Captures;
  readonly label: number;
  readonly hasBias: boolean;
  /** The middle of all features, for how far the mean of the class lies from zero. */
  readonly middleAt: (far: number) => Float64Array;
  /** How many classes are new. */
  readonly fresh: number;
}

function newRow({ head, own, label, hasBias, middleAt, fresh }: Task): NewRow {
  const { width, count } = own;
  const members = Array.from({ length: count }, (_, row) => row).filter((row) => own.labels[row] === label);
  const top = Float64Array.from({ length: count }, (_, row) => topOf(head, rowOf(own, row)));
  const far = (rows: readonly number[]) => directionFrom(middleAt, meanOf(own, rows), width);
  const whole = far(members);
  const promised = reach * meanLength(head) * Math.sqrt(whole.size);
  const answered = surer * mean(members.map((row) => top[row]!));
  // Both bound from different sides how much the head would say to captures of this class, had it known it.
  const scale = Math.sqrt(promised * Math.min(promised, answered));
  const leftOut = Float64Array.from({ length: count }, (_, row) => scale * project(whole, rowOf(own, row)));
  for (const group of new Set(members.map((row) => own.groups[row]!))) {
    const without = members.filter((row) => own.groups[row] !== group);
    const by = without.length === 0 ? null : far(without);
    for (const row of members.filter((row) => own.groups[row] === group))
      leftOut[row] = by === null ? 0 : scale * project(by, rowOf(own, row));
  }
  const leads = members.map((row) => leftOut[row]! - top[row]!);
  const shift = -Math.max(neededLead(leads, scale, variationOf(head, own, members), fresh), leadOfOthers(head, own, leftOut, top));
  const { middle, step, size } = whole;
  const weights = Float32Array.from(step, (value) => (scale * value) / size);
  let bias = shift;
  for (const [at, value] of middle.entries()) bias -= (scale * step[at]! * value) / size;
  for (const at of leftOut.keys()) leftOut[at]! += shift;
  if (hasBias) return { label, weights, bias, leftOut };
  // Along the middle, features of all classes reach nearly as far: it stands for the bias.
  const reached = middle.reduce((sum, value) => sum + value * value, 0) || 1;
  return { label, weights: weights.map((value, at) => value + (bias * middle[at]!) / reached), bias: 0, leftOut };
}

/** How far the new class's logit must lie above the best known one, in logits. */
function neededLead(leads: readonly number[], scale: number, varies: number, fresh: number): number {
  const least = (lead.unsteady + together * Math.log2(fresh)) * scale;
  const unsteady = Math.min(1, Math.max(0, (varies - variation.steady) / (variation.unsteady - variation.steady)));
  const middle = mean(leads);
  const deviation = Math.sqrt(leads.reduce((sum, value) => sum + (value - middle) ** 2, 0) / Math.max(1, leads.length - 1));
  const careful = leads.length < fewest ? least : Math.max(least, middle - mostFound * deviation);
  return unsteady * careful + (1 - unsteady) * lead.steady * scale;
}

/** Between moments, so that a burst does not look steady; as much as can be where there are too few. */
function variationOf(head: Head, own: Captures, members: readonly number[]): number {
  const groups = [...new Set(members.map((row) => own.groups[row]!))];
  if (groups.length < fewest) return variation.unsteady;
  const known = [...head.known.keys()].filter((label) => head.known[label]);
  const answers = groups.map((group) => {
    const rows = members.filter((row) => own.groups[row] === group).map((row) => logitsAt(head, rowOf(own, row)));
    return known.map((label) => mean(rows.map((logits) => logits[label]!)));
  });
  const tops = answers.map((logits) => Math.max(...logits));
  const variances = known.map((_, at) => {
    const middle = mean(answers.map((logits) => logits[at]!));
    return answers.reduce((sum, logits) => sum + (logits[at]! - middle) ** 2, 0) / (groups.length - 1);
  });
  return mean(variances) / Math.max(mean(tops), Number.EPSILON);
}

/** Where there are captures of known classes: so much that nineteen of twenty keep their answer. */
function leadOfOthers({ known }: Head, { labels, count }: Captures, logits: Float64Array, top: Float64Array): number {
  const leads: number[] = [];
  for (let row = 0; row < count; row += 1) if (known[labels[row]!] === true) leads.push(logits[row]! - top[row]!);
  leads.sort((a, b) => b - a);
  const least = leads[Math.floor(leads.length / 20)];
  // A hair more, or the very capture that sets it is lost to rounding.
  return least === undefined ? Number.NEGATIVE_INFINITY : least + 1e-3 * Math.abs(least);
}

/** Direction of the middle of all features: between that of the weights' root mean square and that of equal features (cosine 0.97 to 0.99). */
function shapeOf({ weights, classes }: Head): Float64Array {
  const shape = new Float64Array(weights.length / classes);
  let size = 0;
  for (const feature of shape.keys()) {
    let square = 0;
    for (let at = feature * classes; at < (feature + 1) * classes; at += 1) square += weights[at]! * weights[at]!;
    shape[feature] = square ** 0.25;
    size += Math.sqrt(square);
  }
  return shape.map((value) => value / (Math.sqrt(size) || 1));
}

interface Direction {
  readonly middle: Float64Array;
  readonly step: Float64Array;
  /** The step's squared length. */
  readonly size: number;
}

function directionFrom(middleAt: (far: number) => Float64Array, centre: Float64Array, width: number): Direction {
  const middle = middleAt(Math.sqrt(centre.reduce((sum, value) => sum + value * value, 0)));
  const step = Float64Array.from({ length: width }, (_, at) => centre[at]! - middle[at]!);
  return { middle, step, size: step.reduce((sum, value) => sum + value * value, 0) || 1 };
}

/** 0 at the middle, 1 at the mean of the class. */
function project({ middle, step, size }: Direction, features: Float32Array): number {
  let sum = 0;
  for (const [at, value] of features.entries()) sum += (value - middle[at]!) * step[at]!;
  return sum / size;
}

function meanOf(own: Captures, rows: readonly number[]): Float64Array {
  const centre = new Float64Array(own.width);
  for (const row of rows) for (const [at, value] of rowOf(own, row).entries()) centre[at]! += value / rows.length;
  return centre;
}

function meanLength({ weights, classes, known }: Head): number {
  const squares = new Float64Array(classes);
  for (const [at, value] of weights.entries()) squares[at % classes]! += value * value;
  return mean([...squares].filter((_, label) => known[label]).map(Math.sqrt));
}

function topOf(head: Head, features: Float32Array): number {
  return [...logitsAt(head, features)].reduce((most, logit, label) => (head.known[label] ? Math.max(most, logit) : most), -Infinity);
}

function rowOf({ features, width }: Rows, row: number): Float32Array {
  return features.subarray(row * width, (row + 1) * width);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
