// Which rows learn and which rows judge: stratified by class, seeded, and never with one group on both sides. Labels and groups in, indices
// out. Also makes groups of bursts: frames of one source a moment apart show the same scene.
import { randomOf, shuffled } from '../random.ts';
import type { FeatureSet } from '../types.ts';

export interface Split {
  readonly train: readonly number[];
  readonly holdout: readonly number[];
}

type Labelled = Pick<FeatureSet, 'count' | 'labels' | 'groups'>;

/**
 * About `fraction` of each class is held out, in whole groups. Every class keeps at least one group to learn from, so a class with a
 * single group has none to judge by.
 */
export function holdOut(set: Labelled, fraction: number, seed: number): Split {
  const held = new Set<number>();
  for (const groups of groupsByClass(set, seed)) {
    const rows = groups.reduce((sum, group) => sum + group.rows, 0);
    let taken = 0;
    for (const group of groups.slice(0, -1)) {
      // Half a group too many is as good as half a group too few.
      if (taken + group.rows / 2 > rows * fraction) break;
      held.add(group.id);
      taken += group.rows;
    }
  }
  const indices = Array.from({ length: set.count }, (_, row) => row);
  return {
    train: indices.filter((row) => !held.has(set.groups[row]!)),
    holdout: indices.filter((row) => held.has(set.groups[row]!)),
  };
}

/** Fold number of each row, 0 to folds − 1. The rows of every class are spread as evenly as its groups allow. */
export function assignFolds(set: Labelled, folds: number, seed: number): Int32Array {
  const foldOf = new Map<number, number>();
  const sizes = new Array<number>(folds).fill(0);
  for (const groups of groupsByClass(set, seed)) {
    const ofClass = new Array<number>(folds).fill(0);
    for (const group of groups) {
      let best = 0;
      for (let fold = 1; fold < folds; fold += 1) {
        const fewer = ofClass[fold]! - ofClass[best]! || sizes[fold]! - sizes[best]!;
        if (fewer < 0) best = fold;
      }
      foldOf.set(group.id, best);
      ofClass[best]! += group.rows;
      sizes[best]! += group.rows;
    }
  }
  return set.groups.slice(0, set.count).map((group) => foldOf.get(group)!);
}

/** The rows of a set that were chosen, in that order. */
export function takeRows(set: FeatureSet, indices: readonly number[]): FeatureSet {
  const { width } = set;
  const features = new Float32Array(indices.length * width);
  for (const [to, from] of indices.entries()) features.set(set.features.subarray(from * width, (from + 1) * width), to * width);
  return {
    features,
    count: indices.length,
    width,
    labels: Int32Array.from(indices, (row) => set.labels[row]!),
    groups: Int32Array.from(indices, (row) => set.groups[row]!),
    ...(set.weights === undefined ? {} : { weights: Float32Array.from(indices, (row) => set.weights![row]!) }),
  };
}

/** Number of different groups. */
export function countGroups(set: Labelled): number {
  return new Set(set.groups.subarray(0, set.count)).size;
}

interface Group {
  readonly id: number;
  readonly rows: number;
}

/** Groups in random order, listed under the class that most of their rows have. */
function groupsByClass(set: Labelled, seed: number): readonly (readonly Group[])[] {
  const counts = new Map<number, Map<number, number>>();
  for (let row = 0; row < set.count; row += 1) {
    const group = counts.get(set.groups[row]!) ?? new Map<number, number>();
    counts.set(set.groups[row]!, group);
    group.set(set.labels[row]!, (group.get(set.labels[row]!) ?? 0) + 1);
  }
  const byClass = new Map<number, Group[]>();
  for (const [id, labels] of counts) {
    const [label] = [...labels].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0]!;
    const rows = [...labels.values()].reduce((sum, count) => sum + count, 0);
    byClass.set(label, [...(byClass.get(label) ?? []), { id, rows }]);
  }
  const next = randomOf(seed);
  return [...byClass].sort((a, b) => a[0] - b[0]).map(([, groups]) => shuffled(groups, next));
}
