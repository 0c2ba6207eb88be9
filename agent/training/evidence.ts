// Which rows may judge a candidate, and what it and the current model say of them. No row judges that either has learned from: rows held
// out for good are known by a hash of their burst, and rows that the current release was trained on are left out.
import { createHash } from 'node:crypto';
import { topClasses } from '../learn/evaluate.ts';
import type { TailRunner } from '../model/classify.ts';
import type { FeatureSet } from '../types.ts';

/** With this many moments a class, a fifth is held out; with fewer, every one is learned from and left-out predictions judge. */
const plentiful = 20;
const heldOutOf = 5;
/** Fewer held-out rows that the current release has not seen than this cannot tell two models apart. */
const fewestHeldOut = 20;

export interface Division {
  /** Rows to learn from. */
  readonly train: readonly number[];
  /** Rows never learned from; [] where every row is needed. */
  readonly holdout: readonly number[];
}

/** Stable: a sample that was held out in one run is held out in the next, because its burst decides. */
export function divide(set: FeatureSet, ids: readonly string[]): Division {
  const all = ids.map((_, row) => row);
  const moments = momentsPerClass(set).filter((count) => count > 0);
  if (Math.min(...moments) < plentiful) return { train: all, holdout: [] };
  const first = new Map<number, string>();
  for (const [row, id] of ids.entries()) if (!first.has(set.groups[row]!)) first.set(set.groups[row]!, id);
  const isHeld = (row: number) => createHash('sha256').update(first.get(set.groups[row]!)!).digest()[0]! % heldOutOf === 0;
  const train = all.filter((row) => !isHeld(row));
  // A class whose every moment fell on one side would not be learned at all.
  const learned = new Set(train.map((row) => set.labels[row]));
  if (set.labels.some((label) => !learned.has(label))) return { train: all, holdout: [] };
  return { train, holdout: all.filter(isHeld) };
}

/** Labelled moments (bursts) of each class. */
export function momentsPerClass(set: FeatureSet): readonly number[] {
  const moments: Set<number>[] = [];
  for (let row = 0; row < set.count; row += 1) {
    const label = set.labels[row]!;
    moments[label] ??= new Set();
    moments[label].add(set.groups[row]!);
  }
  return Array.from(moments, (groups) => groups?.size ?? 0);
}

export type Judges =
  | { readonly kind: 'held-out'; readonly rows: readonly number[] }
  | { readonly kind: 'left-out'; readonly rows: readonly number[] };

/** Held-out rows where there are enough, else rows of the training set, judged by predictions made without them. */
export function chooseJudges({ train, holdout }: Division, ids: readonly string[], seen: ReadonlySet<string>): Judges {
  const unseen = (rows: readonly number[]) => rows.filter((row) => !seen.has(ids[row]!));
  const held = unseen(holdout);
  return held.length >= fewestHeldOut ? { kind: 'held-out', rows: held } : { kind: 'left-out', rows: unseen(train) };
}

/** Class names that a tail gives for rows of features, one at a time as at inference. */
export async function namesOf(
  tail: TailRunner,
  classes: readonly string[],
  set: FeatureSet,
  rows: readonly number[],
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const row of rows) {
    const { output } = await tail.classify(set.features.slice(row * set.width, (row + 1) * set.width));
    names.push(classes[topClasses(output, output.length)[0]!] ?? '');
  }
  return names;
}

/** Class names of logits [count, classes] at these positions. */
export function namesOfLogits(logits: Float32Array, classes: readonly string[], positions: readonly number[]): readonly string[] {
  const top = topClasses(logits, classes.length);
  return positions.map((position) => classes[top[position]!] ?? '');
}
