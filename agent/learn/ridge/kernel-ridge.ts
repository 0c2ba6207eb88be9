// Ridge regression of fewer rows than features, fold by fold: the same fits as `primal-ridge.ts` gives, from products of rows instead of products
// of features, so that each step of the solver is smaller by the square of rows over features. Knows no prior.

import { assignFolds, countGroups } from '../splits.ts';
import { finalTolerance, foldTolerance, maxFolds } from './fold-limits.ts';
import { multiply, type Rows } from './gather.ts';
import type { Ridge, RidgeProblem } from './ridge.ts';
import { openSolver, type Solver } from './solve.ts';

export interface KernelProblem extends RidgeProblem {
  readonly labels: Int32Array;
  readonly seed: number;
}

/** What the rows that learn give: their kernel about their own mean, weighted on both sides, and the targets likewise. */
interface System {
  readonly learn: readonly number[];
  readonly roots: Float64Array;
  readonly kernel: Float32Array;
  readonly right: Float32Array;
  /** Mean target of each column. */
  readonly mean: Float64Array;
  /** Mean of each row's products with the rows that learn, and the mean of those. */
  readonly rowMeans: Float64Array;
  readonly allMeans: number;
}

export async function openKernelRidge(problem: KernelProblem): Promise<Ridge> {
  const { rows, groups, labels, columns, runtime, seed } = problem;
  const { count, width } = rows;
  const weights = rows.weights === undefined ? new Float64Array(count).fill(1) : Float64Array.from(rows.weights.subarray(0, count));
  const everyone = Array.from({ length: count }, (_, row) => row);
  const centred = aboutMean(rows, weights, problem.intercept);
  const operand = { data: centred.features, rows: count, inner: width };
  const products = await multiply(operand, { data: centred.features, columns: count, transposed: true }, runtime);
  const set = { count, labels, groups };
  const folds = Math.min(maxFolds, countGroups(set));
  const foldOf = assignFolds(set, folds, seed);
  const system = (learn: readonly number[]) => systemOf(problem, products, weights, learn);
  const whole = system(everyone);
  const spread = spreadOf(whole, weights);
  const solver = await openSolver(runtime);
  return {
    async leftOut(lambdas) {
      if (folds < 2) return null;
      const predictions = lambdas.map(() => new Float32Array(count * columns));
      for (let fold = 0; fold < folds; fold += 1) {
        const held = everyone.filter((row) => foldOf[row] === fold);
        if (held.length === 0) continue;
        const fit = system(everyone.filter((row) => foldOf[row] !== fold));
        const duals = await solveAll(solver, fit, lambdas, spread, columns, foldTolerance);
        const across = crossKernel(products, count, fit, held);
        const wide = lambdas.length * columns;
        const inner = fit.learn.length;
        const said = await multiply({ data: across, rows: held.length, inner }, { data: duals, columns: wide, transposed: false }, runtime);
        for (const [from, to] of held.entries())
          for (let at = 0; at < wide; at += 1)
            predictions[Math.floor(at / columns)]![to * columns + (at % columns)] = said[from * wide + at]! + fit.mean[at % columns]!;
      }
      return predictions;
    },
    async solve(lambda) {
      const duals = await solveAll(solver, whole, [lambda], spread, columns, finalTolerance);
      const turned = transpose(duals, count, columns);
      const own = await multiply(
        { data: turned, rows: columns, inner: count },
        { data: centred.features, columns: width, transposed: false },
        runtime,
      );
      const bias = Float32Array.from(whole.mean, (mean, column) => {
        let shift = 0;
        for (let at = 0; at < width; at += 1) shift += centred.mean[at]! * own[column * width + at]!;
        return mean - shift;
      });
      return { weights: transpose(own, columns, width), bias };
    },
    [Symbol.asyncDispose]: () => solver.close(),
  };
}

/** Rows less their weighted mean; as they are, and a mean of zero, without intercept. */
function aboutMean({ features, count, width }: Rows, weights: Float64Array, intercept: boolean) {
  const mean = new Float64Array(width);
  if (intercept) {
    const total = weights.reduce((sum, weight) => sum + weight, 0) || 1;
    for (let row = 0; row < count; row += 1)
      for (let at = 0; at < width; at += 1) mean[at]! += (weights[row]! / total) * features[row * width + at]!;
  }
  const moved = new Float32Array(count * width);
  for (let at = 0; at < moved.length; at += 1) moved[at] = features[at]! - mean[at % width]!;
  return { features: moved, mean };
}

/** (x_i − m)(x_j − m) = k_ij − r_i − r_j + c, where r_i is the mean of k_i· over the rows that learn and c the mean of r. */
function systemOf(
  { targets, columns, intercept, rows: { count } }: KernelProblem,
  products: Float32Array,
  weights: Float64Array,
  learn: readonly number[],
): System {
  const size = learn.length;
  const total = learn.reduce((sum, row) => sum + weights[row]!, 0) || 1;
  const rowMeans = new Float64Array(count);
  const mean = new Float64Array(columns);
  let allMeans = 0;
  if (intercept) {
    for (const row of learn) {
      const share = weights[row]! / total;
      for (let other = 0; other < count; other += 1) rowMeans[other]! += share * products[row * count + other]!;
      for (let column = 0; column < columns; column += 1) mean[column]! += share * targets[row * columns + column]!;
    }
    for (const row of learn) allMeans += (weights[row]! / total) * rowMeans[row]!;
  }
  const roots = Float64Array.from(learn, (row) => Math.sqrt(weights[row]!));
  const kernel = new Float32Array(size * size);
  const right = new Float32Array(size * columns);
  for (let i = 0; i < size; i += 1) {
    const row = learn[i]!;
    const offset = allMeans - rowMeans[row]!;
    for (let j = 0; j < size; j += 1) {
      const other = learn[j]!;
      kernel[i * size + j] = roots[i]! * roots[j]! * (products[row * count + other]! + offset - rowMeans[other]!);
    }
    for (let column = 0; column < columns; column += 1)
      right[i * columns + column] = roots[i]! * (targets[row * columns + column]! - mean[column]!);
  }
  return { learn, roots, kernel, right, mean, rowMeans, allMeans };
}

/** Rows that were left out against those that learned, about the mean of the latter: [held, learn]. */
function crossKernel(products: Float32Array, count: number, { learn, rowMeans, allMeans }: System, held: readonly number[]): Float32Array {
  const across = new Float32Array(held.length * learn.length);
  for (let i = 0; i < held.length; i += 1) {
    const row = held[i]!;
    for (let j = 0; j < learn.length; j += 1)
      across[i * learn.length + j] = products[row * count + learn[j]!]! + allMeans - rowMeans[row]! - rowMeans[learn[j]!]!;
  }
  return across;
}

/** Weighted mean of the squared distances from the mean. Rows that are all alike have none; then 1 will do. */
function spreadOf({ kernel, learn }: System, weights: Float64Array): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  for (let at = 0; at < learn.length; at += 1) sum += kernel[at * learn.length + at]!;
  return sum > 0 && total > 0 ? sum / total : 1;
}

/** What each row that learned counts for in a fit, [learn, λ · columns]: right sides of all λ stand side by side in one solve. */
async function solveAll(
  solver: Solver,
  { kernel, right, roots, learn }: System,
  lambdas: readonly number[],
  spread: number,
  columns: number,
  tolerance: number,
): Promise<Float32Array> {
  const wide = lambdas.length * columns;
  const repeated = new Float32Array(learn.length * wide);
  for (let row = 0; row < learn.length; row += 1)
    for (let at = 0; at < wide; at += 1) repeated[row * wide + at] = right[row * columns + (at % columns)]!;
  const shifts = Float32Array.from({ length: wide }, (_, at) => lambdas[Math.floor(at / columns)]! * spread);
  const { x } = await solver.solve({ matrix: kernel, size: learn.length, right: repeated, shifts }, { tolerance });
  return x.map((value, at) => value * roots[Math.floor(at / wide)]!);
}

function transpose(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const transposed = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1) transposed[column * rows + row] = matrix[row * columns + column]!;
  return transposed;
}
