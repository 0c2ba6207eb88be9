// What the two forms of ridge regression have in common: `dual-ridge.ts` for few samples (exact leave-one-out), `primal-ridge.ts` for many
// or where statistics join. Records and types only.
import type { Runtime } from '../../runtime/runtime.ts';
import type { Rows } from './gather.ts';

export interface RidgeProblem {
  readonly rows: Rows;
  /** Rows of one group are left out together. */
  readonly groups: Int32Array;
  /** [rows.count, columns]. */
  readonly targets: Float32Array;
  readonly columns: number;
  /** Whether a bias, which is never penalised, is fitted. */
  readonly intercept: boolean;
  readonly runtime: Runtime;
}

export interface RidgeFit {
  /** [width, columns]. */
  readonly weights: Float32Array;
  /** [columns]; zeros without intercept. */
  readonly bias: Float32Array;
}

/** λ is given in units of the mean squared distance of a sample from the mean, in which the best one hardly depends on the model. */
export interface Ridge extends AsyncDisposable {
  /** For each λ, predictions [rows.count, columns] for every row by a fit without its group or fold; null where there is but one group.
   * A λ whose matrix is not positive definite in the precision at hand has none. */
  leftOut(lambdas: readonly number[]): Promise<readonly (Float32Array | null)[] | null>;
  solve(lambda: number): Promise<RidgeFit>;
}
