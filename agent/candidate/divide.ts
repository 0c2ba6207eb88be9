// Which rows learn and which rows judge: what the store has set aside for judging is never learned from, and no row judges of whose moment
// the current release has learned. Rows in, indices out.
import type { FeatureSet } from '../types.ts';

/** Fewer held-out rows that the current release has not seen than this cannot tell two models apart. */
const fewestHeldOut = 20;

export interface Division {
  /** Rows to learn from. */
  readonly train: readonly number[];
  /** Rows never learned from; [] where every row is needed. */
  readonly holdout: readonly number[];
}

type Rows = Pick<FeatureSet, 'count' | 'labels' | 'groups'>;

/** `judges`: rows whose moment was set aside. A class of which nothing else is left (its labels were changed) is learned all the same. */
export function divide(set: Rows, judges: readonly boolean[]): Division {
  const rows = Array.from({ length: set.count }, (_, row) => row);
  const learned = new Set(rows.filter((row) => !judges[row]).map((row) => set.labels[row]!));
  const isHeld = (row: number) => judges[row] === true && learned.has(set.labels[row]!);
  // A moment with two labels is on one side whatever they are.
  const needed = new Set(rows.filter((row) => !isHeld(row)).map((row) => set.groups[row]!));
  const stays = (row: number) => isHeld(row) && !needed.has(set.groups[row]!);
  return { train: rows.filter((row) => !stays(row)), holdout: rows.filter(stays) };
}

export interface Judges {
  /** 'held-out': the written file says what they are. 'left-out': so it does of those held out; of the others, a tail that was learned without them. */
  readonly by: 'held-out' | 'left-out';
  readonly rows: readonly number[];
}

/**
 * Held-out rows where there are enough and every class that was learned has some; else these and the rows that were learned from, judged by
 * predictions made without them. `seen` are samples that the current release was trained on: their moments judge nothing.
 */
export function chooseJudges({ train, holdout }: Division, set: Rows, ids: readonly string[], seen: ReadonlySet<string>): Judges {
  const known = new Set(ids.flatMap((id, row) => (seen.has(id) ? [set.groups[row]!] : [])));
  const unseen = (rows: readonly number[]) => rows.filter((row) => !known.has(set.groups[row]!));
  const held = unseen(holdout);
  const judged = new Set(held.map((row) => set.labels[row]));
  const isWhole = train.every((row) => judged.has(set.labels[row]));
  return held.length >= fewestHeldOut && isWhole
    ? { by: 'held-out', rows: held }
    : { by: 'left-out', rows: [...unseen(train), ...held].sort((a, b) => a - b) };
}

/** Labelled moments of each class. */
export function momentsPerClass(set: Rows, classes: number): readonly number[] {
  const moments = Array.from({ length: classes }, () => new Set<number>());
  for (let row = 0; row < set.count; row += 1) moments[set.labels[row]!]!.add(set.groups[row]!);
  return moments.map((groups) => groups.size);
}
