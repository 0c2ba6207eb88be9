// A gradient fit of the last layer where some class that the model knows has no captures: rows that stand for those classes are learned from beside
// the captures, with what the model says of them. Deeper tails begin before the features that such rows can be made of, and get none.
//
// Measured (scripts/keep-study.mjs --learner gradient): without them two of ten classes, 25 captures each, cost the others 23 and 11 points.
import type { FeatureSet } from '../../types.ts';
import { readHead } from '../head-rows.ts';
import type { FittedTail, LearnerInput } from '../learner.ts';
import { begin, headOf } from '../ridge/known-head.ts';
import { logitsOf, standInsOf } from '../ridge/stand-ins.ts';
import { knownClasses } from './memory.ts';

/** Stand-ins weigh as much together as the captures, times this. They are easily told apart: with 3, 10, 30 the others lost 6.8, 5.0, 2.7 points. */
const share = 50;

/** `learn` from the captures and what stands for classes without any. Predictions of the answer are those of the captures. */
export async function withReplay(input: LearnerInput, learn: (input: LearnerInput) => Promise<FittedTail>): Promise<FittedTail> {
  const { train, classes } = input;
  const rows = await replayRows(input);
  if (rows === null) return await learn(input);
  const fitted = await learn({ ...input, train: joined(train, rows) });
  const heldOut = fitted.heldOut === undefined ? undefined : partOf(fitted.heldOut, train.count, classes);
  return {
    ...fitted,
    details: { ...fitted.details, standIns: rows.labels.length },
    crossValidated: fitted.crossValidated?.slice(0, train.count * classes) ?? null,
    ...(heldOut === undefined ? {} : { heldOut }),
  };
}

async function replayRows({ tail, train, classes, seed, runtime }: LearnerInput) {
  const { head } = tail;
  if (head === null || head.input !== tail.input || head.width !== train.width || head.bias === null) return null;
  if (tail.parameters.some(({ name }) => name !== head.weight && name !== head.bias)) return null;
  const known = knownClasses(tail, classes);
  const labels = train.labels.subarray(0, train.count);
  const taught = new Set(labels);
  const silent = [...known.keys()].filter((label) => known[label] && !taught.has(label));
  if (silent.length === 0) return null;
  const centred = headOf(begin(readHead(tail), known), known);
  const { features, count, width } = train;
  const logits = await logitsOf(centred, train, runtime);
  const made = await standInsOf(silent, centred, { features, count, width, labels, logits }, { seed, runtime });
  return { features: made.rows.features, labels: made.labels };
}

function joined(train: FeatureSet, rows: { readonly features: Float32Array; readonly labels: Int32Array }): FeatureSet {
  const { count, width } = train;
  const features = new Float32Array(count * width + rows.features.length);
  features.set(train.features.subarray(0, count * width));
  features.set(rows.features, count * width);
  const weights = train.weights?.subarray(0, count) ?? new Float32Array(count).fill(1);
  const each = (share * weights.reduce((sum, weight) => sum + weight, 0)) / rows.labels.length;
  const groups = train.groups.subarray(0, count);
  const next = groups.reduce((most, group) => Math.max(most, group), -1) + 1;
  return {
    ...train,
    features,
    count: count + rows.labels.length,
    labels: Int32Array.from([...train.labels.subarray(0, count), ...rows.labels]),
    groups: Int32Array.from([...groups, ...[...rows.labels.keys()].map((at) => next + at)]),
    weights: Float32Array.from([...weights, ...new Float32Array(rows.labels.length).fill(each)]),
  };
}

function partOf({ rows, logits }: NonNullable<FittedTail['heldOut']>, count: number, classes: number) {
  const own = rows.flatMap((row, at) => (row < count ? [at] : []));
  const part = new Float32Array(own.length * classes);
  for (const [to, at] of own.entries()) part.set(logits.subarray(at * classes, (at + 1) * classes), to * classes);
  return { rows: own.map((at) => rows[at]!), logits: part };
}
