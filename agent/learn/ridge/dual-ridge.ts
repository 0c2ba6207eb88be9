// Ridge regression in its dual form: the work grows with the number of samples and hardly with the width, and leaving one group out is exact
// without refitting. Kernel and factorizations are done here in double precision.
import { WhetError } from '../../errors.ts';
import { invertPositive } from './cholesky.ts';
import { multiply, type Rows } from './gather.ts';
import type { Ridge, RidgeFit, RidgeProblem } from './ridge.ts';

/** Cubic work: 400 samples take about 0.05 s a λ on a desktop; from about 600 on, folds are faster. */
export const dualLimit = 600;

export async function openDualRidge(problem: RidgeProblem): Promise<Ridge> {
  const { rows, groups, targets, columns, intercept, runtime } = problem;
  const { count, width } = rows;
  const weights = positiveWeights(rows);
  const mean = intercept ? weightedMean(rows, weights) : new Float64Array(width);
  const centred = rows.features.slice(0, count * width);
  for (let at = 0; at < centred.length; at += 1) centred[at]! -= mean[at % width]!;
  const kernel = kernelOf(centred, count, width);
  const spread = meanSquare(kernel, weights);
  const members = membersOf(groups, count);

  /** α = P·Y for a λ, where P inverts (K + λ/w), bordered by the intercept's condition Σα = 0. */
  function dual(lambda: number) {
    const system = Float64Array.from(kernel);
    for (let row = 0; row < count; row += 1) system[row * count + row]! += (lambda * spread) / weights[row]!;
    const inverse = invertPositive(system, count);
    if (inverse === null) return null;
    const sums = new Float64Array(count);
    if (intercept) for (let at = 0; at < inverse.length; at += 1) sums[Math.floor(at / count)]! += inverse[at]!;
    const total = sums.reduce((sum, value) => sum + value, 0);
    const offset = new Float64Array(columns);
    if (intercept) {
      for (let row = 0; row < count; row += 1)
        for (let column = 0; column < columns; column += 1) offset[column]! += (sums[row]! * targets[row * columns + column]!) / total;
      for (let row = 0; row < count; row += 1)
        for (let other = 0; other < count; other += 1) inverse[row * count + other]! -= (sums[row]! * sums[other]!) / total;
    }
    return { projector: inverse, alpha: productInto(inverse, count, targets, columns), offset };
  }

  return {
    async leftOut(lambdas) {
      if (members.length < 2) return null;
      return lambdas.map((lambda) => {
        const solved = dual(lambda);
        return solved === null ? null : predictionsWithout(solved.projector, solved.alpha, targets, count, columns, members);
      });
    },
    async solve(lambda): Promise<RidgeFit> {
      const solved = dual(lambda);
      if (solved === null) throw unsolvable(count);
      const { alpha, offset } = solved;
      const fitted = await multiply(
        { data: transpose(Float32Array.from(alpha), count, columns), rows: columns, inner: count },
        { data: centred, columns: width, transposed: false },
        runtime,
      );
      const bias = Float32Array.from(offset, (value, column) => {
        let shift = 0;
        for (let feature = 0; feature < width; feature += 1) shift += mean[feature]! * fitted[column * width + feature]!;
        return value - shift;
      });
      return { weights: transpose(fitted, columns, width), bias };
    },
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * Predictions for each group by the fit without it: f_g = y_g − (P_gg)⁻¹ α_g. The block form of the leave-one-out identity (Cawley and
 * Talbot, Neural Networks 17, 2004, for one row).
 */
function predictionsWithout(
  projector: Float64Array,
  alpha: Float64Array,
  targets: Float32Array,
  count: number,
  columns: number,
  members: readonly (readonly number[])[],
): Float32Array | null {
  const predictions = new Float32Array(count * columns);
  for (const group of members) {
    const size = group.length;
    const block = new Float64Array(size * size);
    for (const [i, row] of group.entries()) for (const [j, other] of group.entries()) block[i * size + j] = projector[row * count + other]!;
    const inverse = invertPositive(block, size);
    if (inverse === null) return null;
    for (const [i, row] of group.entries()) {
      for (let column = 0; column < columns; column += 1) {
        let residual = 0;
        for (const [j, other] of group.entries()) residual += inverse[i * size + j]! * alpha[other * columns + column]!;
        predictions[row * columns + column] = targets[row * columns + column]! - residual;
      }
    }
  }
  return predictions;
}

/** H·Hᵀ in double precision: at small λ the rounding of a product in single precision is larger than λ. */
function kernelOf(centred: Float32Array, count: number, width: number): Float64Array {
  const kernel = new Float64Array(count * count);
  for (let row = 0; row < count; row += 1) {
    const own = centred.subarray(row * width, (row + 1) * width);
    for (let other = 0; other <= row; other += 1) {
      let sum = 0;
      for (let at = 0, from = other * width; at < width; at += 1) sum += own[at]! * centred[from + at]!;
      kernel[row * count + other] = sum;
      kernel[other * count + row] = sum;
    }
  }
  return kernel;
}

function unsolvable(count: number): WhetError {
  return new WhetError('training-diverged', `no ridge fits the features of ${count} rows: they are not finite, or too far apart in size`, {
    hint: 'Look for broken samples (constant or extreme features); the current model stays in use.',
  });
}

function membersOf(groups: Int32Array, count: number): readonly (readonly number[])[] {
  const members = new Map<number, number[]>();
  for (let row = 0; row < count; row += 1) {
    const list = members.get(groups[row]!);
    if (list === undefined) members.set(groups[row]!, [row]);
    else list.push(row);
  }
  return [...members.values()];
}

/** A weight of zero would mean infinite noise: a millionth of the largest stands for it. */
function positiveWeights(rows: Rows): Float64Array {
  if (rows.weights === undefined) return new Float64Array(rows.count).fill(1);
  const largest = rows.weights.reduce((most, weight) => Math.max(most, weight), 0) || 1;
  return Float64Array.from({ length: rows.count }, (_, row) => Math.max(rows.weights![row]!, largest * 1e-6));
}

function weightedMean(rows: Rows, weights: Float64Array): Float64Array {
  const { width, count, features } = rows;
  const mean = new Float64Array(width);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (let row = 0; row < count; row += 1)
    for (let feature = 0; feature < width; feature += 1) mean[feature]! += (weights[row]! / total) * features[row * width + feature]!;
  return mean;
}

/** Weighted mean of the kernel's diagonal: of the squared distances from the mean. Rows that are all alike have none; then 1 will do. */
function meanSquare(kernel: Float64Array, weights: Float64Array): number {
  const count = weights.length;
  let sum = 0;
  let total = 0;
  for (let row = 0; row < count; row += 1) {
    sum += weights[row]! * kernel[row * count + row]!;
    total += weights[row]!;
  }
  return sum > 0 ? sum / total : 1;
}

/** [count, count] · [count, columns]. */
function productInto(matrix: Float64Array, count: number, right: Float32Array, columns: number): Float64Array {
  const product = new Float64Array(count * columns);
  for (let row = 0; row < count; row += 1) {
    for (let inner = 0; inner < count; inner += 1) {
      const factor = matrix[row * count + inner]!;
      for (let column = 0; column < columns; column += 1) product[row * columns + column]! += factor * right[inner * columns + column]!;
    }
  }
  return product;
}

function transpose(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const transposed = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1) transposed[column * rows + row] = matrix[row * columns + column]!;
  return transposed;
}
