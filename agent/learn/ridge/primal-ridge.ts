// Ridge regression from statistics: the work does not grow with the number of samples once they are summed, and what a base model knew joins
// as sums of its own. Leaving out is done fold by fold, taking the fold's terms out of the sums; all λ are solved at once.

import type { Runtime } from '../../runtime/runtime.ts';
import { shifted, shiftOf, shiftOfStatistics } from '../shift.ts';
import { assignFolds, countGroups } from '../splits.ts';
import { solvePositive } from './cholesky.ts';
import { finalTolerance, foldTolerance, maxFolds } from './fold-limits.ts';
import { gatherStatistics, multiply, pickRows, type Rows } from './gather.ts';
import { openKernelRidge } from './kernel-ridge.ts';
import type { Ridge, RidgeFit, RidgeProblem } from './ridge.ts';
import { openSolver, type Solver } from './solve.ts';
import { aboutShift, addStatistics, type Statistics, scaleStatistics, subtractStatistics } from './statistics.ts';

export interface PrimalProblem extends RidgeProblem {
  readonly labels: Int32Array;
  /** Statistics of the same targets over what was known before; null where there is nothing. */
  readonly prior: Statistics | null;
  /** Weight of one row against one of the prior's samples. */
  readonly personalWeight: number;
  readonly seed: number;
}

/** Right sides in one solve; bounds memory (1280 features: 5 MB for each of about ten intermediate arrays). */
const maxColumns = 1024;
/** Up to this width a direct solve in JavaScript takes a millisecond or two, less than the runtime needs to begin. */
const directWidth = 256;

interface Fold {
  readonly rows: Rows;
  readonly indices: readonly number[];
  readonly statistics: Statistics;
}

/** Where rows are fewer than features, the same fits are found from products of rows: less work. */
export function openPrimalRidge(asked: PrimalProblem): Promise<Ridge> {
  const { prior, rows } = asked;
  return prior === null && rows.width > directWidth && rows.count < rows.width ? openKernelRidge(asked) : openSums(asked);
}

async function openSums(asked: PrimalProblem): Promise<Ridge> {
  const { columns, intercept, runtime } = asked;
  // Rows are moved as what is known already was, and without a bias they cannot be.
  const wanted = asked.prior === null ? shiftOf(asked.rows) : shiftOfStatistics(asked.prior);
  const shift = intercept ? wanted : null;
  const prior = asked.prior === null ? null : aboutShift(asked.prior, shift);
  const problem = { ...asked, rows: shifted(asked.rows, shift), prior: prior === null ? null : { ...prior, shift: undefined } };
  const solver = await openSolver(runtime);
  const folds = await gatherFolds(problem);
  const personal = folds.map((fold) => fold.statistics).reduce((sum, fold) => addStatistics(sum, fold));
  const total = problem.prior === null ? personal : addStatistics(problem.prior, personal);
  const spread = meanSquare(total, intercept);
  return {
    async leftOut(lambdas) {
      if (folds.length < 2) return null;
      const predictions = lambdas.map(() => new Float32Array(problem.rows.count * columns));
      for (const fold of folds) {
        const fits = await solveAll(solver, subtractStatistics(total, fold.statistics), lambdas, spread, intercept, foldTolerance);
        for (const [at, fit] of fits.entries()) await predictInto(predictions[at] as Float32Array, fold, fit, runtime);
      }
      return predictions;
    },
    async solve(lambda) {
      const [fit] = await solveAll(solver, total, [lambda], spread, intercept, finalTolerance);
      return movedBack(fit as RidgeFit, shift);
    },
    [Symbol.asyncDispose]: () => solver.close(),
  };
}

/** The fit on h − s as one on h: b − s·w. */
function movedBack({ weights, bias }: RidgeFit, shift: Float32Array | null): RidgeFit {
  if (shift === null) return { weights, bias };
  const columns = bias.length;
  const moved = Float64Array.from(bias);
  for (const [row, value] of shift.entries()) for (let at = 0; at < columns; at += 1) moved[at]! -= value * weights[row * columns + at]!;
  return { weights, bias: Float32Array.from(moved) };
}

async function gatherFolds(problem: PrimalProblem): Promise<readonly Fold[]> {
  const { rows, groups, labels, targets, columns, runtime } = problem;
  const set = { count: rows.count, labels, groups };
  const count = Math.min(maxFolds, countGroups(set));
  const foldOf = assignFolds(set, count, problem.seed);
  const folds: Fold[] = [];
  for (let fold = 0; fold < count; fold += 1) {
    const indices = Array.from({ length: rows.count }, (_, row) => row).filter((row) => foldOf[row] === fold);
    if (indices.length === 0) continue;
    const picked = pickRows(rows, indices);
    const wanted = new Float32Array(indices.length * columns);
    for (const [to, from] of indices.entries()) wanted.set(targets.subarray(from * columns, (from + 1) * columns), to * columns);
    const statistics = await gatherStatistics(picked, wanted, columns, runtime, null);
    const weighted = problem.prior === null ? statistics : scaleStatistics(statistics, problem.personalWeight);
    folds.push({ rows: picked, indices, statistics: weighted });
  }
  return folds;
}

async function predictInto(predictions: Float32Array, fold: Fold, fit: RidgeFit, runtime: Runtime): Promise<void> {
  const columns = fit.bias.length;
  const operand = { data: fold.rows.features, rows: fold.rows.count, inner: fold.rows.width };
  const scores = await multiply(operand, { data: fit.weights, columns, transposed: false }, runtime);
  for (const [from, to] of fold.indices.entries())
    for (let column = 0; column < columns; column += 1)
      predictions[to * columns + column] = scores[from * columns + column]! + fit.bias[column]!;
}

/** One fit a λ. Right sides of several λ stand side by side in one solve, as many as memory allows. */
async function solveAll(
  solver: Solver,
  statistics: Statistics,
  lambdas: readonly number[],
  spread: number,
  intercept: boolean,
  tolerance: number,
): Promise<readonly RidgeFit[]> {
  const { width, classes: columns } = statistics;
  const { matrix, right } = centre(statistics, intercept);
  if (width <= directWidth) {
    const direct = lambdas.map((lambda) => solvePositive(matrix, width, lambda * spread, right, columns));
    if (direct.every((x) => x !== null)) return direct.map((x) => unpack(statistics, x, columns, 0, intercept));
  }
  const atOnce = Math.max(1, Math.floor(maxColumns / columns));
  const fits: RidgeFit[] = [];
  for (let from = 0; from < lambdas.length; from += atOnce) {
    const some = lambdas.slice(from, from + atOnce);
    const wide = some.length * columns;
    const repeated = new Float32Array(width * wide);
    for (let row = 0; row < width; row += 1) {
      const one = right.subarray(row * columns, (row + 1) * columns);
      for (let at = 0; at < some.length; at += 1) repeated.set(one, row * wide + at * columns);
    }
    const shifts = Float32Array.from({ length: wide }, (_, at) => some[Math.floor(at / columns)]! * spread);
    const { x } = await solver.solve({ matrix, size: width, right: repeated, shifts }, { tolerance });
    for (let at = 0; at < some.length; at += 1) fits.push(unpack(statistics, x, wide, at * columns, intercept));
  }
  return fits;
}

/** Sums about the mean, G − m mᵀ/n and Q − m qᵀ/n, so that the bias stays out of the penalty; as they are without intercept. */
function centre(statistics: Statistics, intercept: boolean): { readonly matrix: Float32Array; readonly right: Float32Array } {
  const { width, classes, gram, moment, weight } = statistics;
  const matrix = new Float32Array(width * width);
  const right = new Float32Array(width * classes);
  const rows = width + 1;
  for (let row = 0; row < width; row += 1) {
    const mean = intercept && weight > 0 ? gram[row * rows + width]! / weight : 0;
    for (let column = 0; column < width; column += 1)
      matrix[row * width + column] = gram[row * rows + column]! - mean * gram[width * rows + column]!;
    for (let column = 0; column < classes; column += 1)
      right[row * classes + column] = moment[row * classes + column]! - mean * moment[width * classes + column]!;
  }
  return { matrix, right };
}

/** Takes one λ's columns out of a solution and gives them their bias: mean target − mean features · w. */
function unpack(statistics: Statistics, x: Float32Array, stride: number, from: number, intercept: boolean): RidgeFit {
  const { width, classes, gram, moment, weight } = statistics;
  const weights = new Float32Array(width * classes);
  const bias = new Float64Array(classes);
  const factor = intercept && weight > 0 ? 1 / weight : 0;
  for (let column = 0; column < classes; column += 1) bias[column] = factor * moment[width * classes + column]!;
  for (let row = 0; row < width; row += 1) {
    const mean = factor * gram[width * (width + 1) + row]!;
    for (let column = 0; column < classes; column += 1) {
      const value = x[row * stride + from + column]!;
      weights[row * classes + column] = value;
      bias[column]! -= mean * value;
    }
  }
  return { weights, bias: Float32Array.from(bias) };
}

function meanSquare(statistics: Statistics, intercept: boolean): number {
  const { width, gram, weight } = statistics;
  let sum = 0;
  for (let row = 0; row < width; row += 1) {
    const first = gram[row * (width + 1) + width]!;
    sum += gram[row * (width + 1) + row]! - (intercept && weight > 0 ? (first * first) / weight : 0);
  }
  return sum > 0 && weight > 0 ? sum / weight : 1;
}
