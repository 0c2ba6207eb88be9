// Predicted and true quantities → mean absolute error and R² with intervals, and whether a candidate is better than what there was by more than
// chance. Pure.
import type { Verdict } from '../types.ts';
import { bootstrap, type Estimate } from './intervals.ts';

export interface RegressionScore {
  /** Mean absolute error, in the unit of the target. */
  readonly meanAbsoluteError: Estimate;
  /** 1 − Σ(y − ŷ)²/Σ(y − ȳ)²: 1 is perfect, 0 no better than the mean. */
  readonly r2: Estimate;
}

interface Predicted {
  /** [count, columns]. */
  readonly predictions: Float32Array;
  readonly targets: Float32Array;
  readonly columns: number;
  readonly groups: ArrayLike<number>;
}

/** One score a column. */
export function scoreRegression({ predictions, targets, columns, groups }: Predicted): readonly RegressionScore[] {
  return Array.from({ length: columns }, (_, column) => {
    const truth = (row: number) => targets[row * columns + column] as number;
    const miss = (row: number) => (predictions[row * columns + column] as number) - truth(row);
    return {
      meanAbsoluteError: bootstrap(groups, (rows) => rows.reduce((sum, row) => sum + Math.abs(miss(row)), 0) / rows.length),
      r2: bootstrap(groups, (rows) => {
        const mean = rows.reduce((sum, row) => sum + truth(row), 0) / rows.length;
        return 1 - rows.reduce((sum, row) => sum + miss(row) ** 2, 0) / rows.reduce((sum, row) => sum + (truth(row) - mean) ** 2, 0);
      }),
    };
  });
}

const fewestGroups = 10;

/**
 * Accepted where the absolute error (each quantity in units of its own spread) is smaller than that of `current` by more than chance: the 95 %
 * interval of the paired difference lies above 0. `current` null: what there was is the mean of the targets.
 */
export function judgeRegression(candidate: Predicted, current: Float32Array | null): Verdict {
  const { predictions, targets, columns, groups } = candidate;
  const known = new Set(Array.from(groups)).size;
  if (known < fewestGroups)
    return { kind: 'waiting', reason: `${known} different captures are too few to judge by; ${fewestGroups} are needed.` };
  const count = targets.length / columns;
  const spreads = Array.from({ length: columns }, (_, column) => spreadOf(targets, columns, column));
  const flat = spreads.findIndex(({ deviation }) => deviation === 0);
  if (flat >= 0) return { kind: 'waiting', reason: `All targets of column ${flat + 1} are equal: there is nothing to learn.` };
  const error = (values: (row: number, column: number) => number, row: number) =>
    spreads.reduce(
      (sum, { deviation }, column) => sum + Math.abs(values(row, column) - (targets[row * columns + column] as number)) / deviation,
      0,
    ) / columns;
  // The mean without the row itself, as fair to it as left-out predictions are.
  const meanWithout = (row: number, column: number) =>
    ((spreads[column]?.mean as number) * count - (targets[row * columns + column] as number)) / (count - 1);
  const before = current === null ? meanWithout : (row: number, column: number) => current[row * columns + column] as number;
  const after = (row: number, column: number) => predictions[row * columns + column] as number;
  const gain = bootstrap(groups, (rows) => rows.reduce((sum, row) => sum + error(before, row) - error(after, row), 0) / rows.length);
  const against = current === null ? 'always saying the mean' : 'the current model';
  const said = `the error falls by ${gain.value.toFixed(3)} standard deviations of the target (95 % interval ${gain.low.toFixed(3)} to ${gain.high.toFixed(3)}) against ${against}`;
  return gain.low > 0
    ? { kind: 'accepted', reason: `Better: ${said}.` }
    : { kind: 'rejected', reason: `Not better by more than chance: ${said}.` };
}

function spreadOf(targets: Float32Array, columns: number, column: number): { readonly mean: number; readonly deviation: number } {
  const own = targets.filter((_, at) => at % columns === column);
  const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
  return { mean, deviation: Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length) };
}
