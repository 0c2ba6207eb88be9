// Quantities instead of classes: ridge regression of real targets on features, λ chosen by the squared error on rows that were left out. Rows
// and targets in, one linear layer and left-out predictions out; refuses nothing by itself.
import type { Runtime } from '../../runtime/runtime.ts';
import { dualLimit, openDualRidge } from './dual-ridge.ts';
import type { Rows } from './gather.ts';
import { openPrimalRidge } from './primal-ridge.ts';

export interface RegressionInput {
  readonly rows: Rows;
  /** Rows of one group (equal captures, views of one capture) are left out together. */
  readonly groups: Int32Array;
  /** [count, columns]. */
  readonly targets: Float32Array;
  readonly columns: number;
  readonly seed: number;
  readonly runtime: Runtime;
}

export interface FittedRegression {
  /** [width, columns]. */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
  readonly lambda: number;
  /** [count, columns]: each row as a fit without its group (with many rows, without its fold) predicts it. */
  readonly leftOut: Float32Array;
}

/** Powers of ten of λ, in units of the mean squared distance of a sample from the mean. */
const powers = [-5, -4, -3, -2.5, -2, -1.5, -1, -0.5, 0, 0.5, 1, 2, 3];

/** null where there is but one group, and so nothing to choose λ by. */
export async function fitRegression(input: RegressionInput): Promise<FittedRegression | null> {
  const { rows, columns, targets } = input;
  const size = deviations(targets, columns);
  // Equal say for quantities of different units.
  const scaled = targets.map((target, at) => target / (size[at % columns] as number));
  const problem = { rows, groups: input.groups, targets: scaled, columns, intercept: true, runtime: input.runtime };
  const isDual = rows.count <= Math.min(dualLimit, 2 * rows.width);
  await using ridge = isDual
    ? await openDualRidge(problem)
    : await openPrimalRidge({ ...problem, labels: new Int32Array(rows.count), prior: null, personalWeight: 1, seed: input.seed });
  const predictions = await ridge.leftOut(powers.map((power) => 10 ** power));
  if (predictions === null) return null;
  const errors = predictions.map((predicted) =>
    predicted === null ? Number.POSITIVE_INFINITY : predicted.reduce((sum, value, at) => sum + (value - (scaled[at] as number)) ** 2, 0),
  );
  const best = errors.indexOf(Math.min(...errors));
  const lambda = 10 ** (powers[best] as number);
  const fit = await ridge.solve(lambda);
  return {
    weights: fit.weights.map((weight, at) => weight * (size[at % columns] as number)),
    bias: fit.bias.map((bias, column) => bias * (size[column] as number)),
    lambda,
    leftOut: (predictions[best] as Float32Array).map((value, at) => value * (size[at % columns] as number)),
  };
}

/** Standard deviation of each column; 1 where all targets are equal. */
function deviations(targets: Float32Array, columns: number): readonly number[] {
  const count = targets.length / columns;
  return Array.from({ length: columns }, (_, column) => {
    const own = targets.filter((_value, at) => at % columns === column);
    const mean = own.reduce((sum, value) => sum + value, 0) / count;
    return Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count) || 1;
  });
}
