// What is normal: mean and shrunk covariance of the features of normal captures, from the additive statistics alone, as a distance that a few
// matrix products compute. The threshold comes from captures that were left out. Refuses nothing by itself.
import type { Runtime } from '../../runtime/runtime.ts';
import { gatherStatistics, multiply, pickRows, type Rows } from '../ridge/gather.ts';
import type { Statistics } from '../ridge/statistics.ts';
import { shifted, shiftOf } from '../shift.ts';
import { assignFolds } from '../splits.ts';

/** The same numbers that `withAnomalyHead` writes into a model. */
export interface NormalModel {
  readonly mean: Float32Array;
  /** [width, rank]. */
  readonly directions: Float32Array;
  readonly outside: number;
  /** How far the covariance was drawn to a sphere, 0 to 1. */
  readonly shrinkage: number;
}

export interface FittedNormal {
  readonly normal: NormalModel;
  /** Score of each row by a model that has not seen its group. */
  readonly leftOut: Float32Array;
  /** Scores above it are anomalous. */
  readonly threshold: number;
}

/** Directions that are kept apart; the rest is one sphere. Bounds the artifact: 1280 × 64 numbers are 330 KB. */
const mostDirections = 64;
const iterations = 15;
const mostFolds = 10;
/** With so few groups every one is left out alone. */
const fewGroups = 20;

/** `falseAlarms` is the share of normal captures that may lie above the threshold. null where there are fewer than three groups. */
export async function fitNormal(
  raw: Rows,
  groups: Int32Array,
  options: { readonly falseAlarms: number; readonly seed: number; readonly runtime: Runtime },
): Promise<FittedNormal | null> {
  const { runtime, seed } = options;
  const count = new Set(groups).size;
  if (count < 3) return null;
  const shift = shiftOf(raw);
  const rows = shifted(raw, shift);
  const labels = new Int32Array(rows.count);
  const foldOf = assignFolds({ count: rows.count, labels, groups }, count <= fewGroups ? count : mostFolds, seed);
  const leftOut = new Float32Array(rows.count);
  for (const fold of new Set(foldOf)) {
    const inside = Array.from(foldOf.keys()).filter((row) => foldOf[row] !== fold);
    const outside = Array.from(foldOf.keys()).filter((row) => foldOf[row] === fold);
    const model = await normalOf(await sumsOf(pickRows(rows, inside), runtime), runtime);
    const scores = await scoreAll(model, pickRows(rows, outside), runtime);
    for (const [at, row] of outside.entries()) leftOut[row] = scores[at] as number;
  }
  const normal = await normalOf(await sumsOf(rows, runtime), runtime);
  const mean = shift === null ? normal.mean : normal.mean.map((value, at) => value + shift[at]!);
  return { normal: { ...normal, mean }, leftOut, threshold: thresholdOf(leftOut, options.falseAlarms) };
}

function sumsOf(rows: Rows, runtime: Runtime): Promise<Statistics> {
  return gatherStatistics(rows, new Float32Array(rows.count), 1, runtime, null);
}

/**
 * The ⌈(n + 1)(1 − α)⌉-th smallest score: a new normal capture lies above it with a chance of at most α (Vovk et al. 2005). With fewer than
 * 1/α − 1 captures there is no such score, and the largest one stands for it.
 */
export function thresholdOf(scores: Float32Array, falseAlarms: number): number {
  const sorted = Float32Array.from(scores).sort();
  const rank = Math.min(sorted.length, Math.ceil((sorted.length + 1) * (1 - falseAlarms)));
  return sorted[rank - 1] as number;
}

/**
 * Σ′ = (1 − ρ)·Σ + ρ·(tr Σ/d)·I with the oracle-approximating ρ (Chen et al. 2010), its largest directions as they are and the mean variance of
 * the others in all of those. Squared distances are divided by d, so that normal captures lie about 1 from the mean in any width.
 */
export async function normalOf({ width, gram, weight, shift }: Statistics, runtime: Runtime): Promise<NormalModel> {
  const side = width + 1;
  const mean = Float64Array.from({ length: width }, (_, at) => (gram[at * side + width] as number) / weight);
  const covariance = new Float32Array(width * width);
  let trace = 0;
  let squares = 0;
  for (let row = 0; row < width; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const value = (gram[row * side + column] as number) / weight - (mean[row] as number) * (mean[column] as number);
      covariance[row * width + column] = value;
      squares += value * value;
      if (row === column) trace += value;
    }
  }
  // All features equal: any distance at all is anomalous.
  const average = Math.max(trace / width, 1e-12);
  const top = (1 - 2 / width) * squares + trace * trace;
  const bottom = (weight + 1 - 2 / width) * (squares - (trace * trace) / width);
  const shrinkage = bottom <= 0 ? 1 : Math.min(1, Math.max(0, top / bottom));
  const rank = Math.max(1, Math.min(mostDirections, width - 1, Math.ceil(weight) - 1));
  const { vectors, values } = await largestDirections(covariance, width, rank, runtime);
  const inside = values.reduce((sum, value) => sum + value, 0);
  const rest = Math.max(0, trace - inside) / Math.max(1, width - rank);
  const outside = 1 / Math.max((1 - shrinkage) * rest + shrinkage * average, 1e-6 * average);
  const factors = values.map((value) =>
    Math.sqrt(Math.max(0, outside - 1 / ((1 - shrinkage) * Math.max(value, 0) + shrinkage * average)) / width),
  );
  return {
    mean: Float32Array.from(mean, (value, at) => value + (shift?.[at] ?? 0)),
    directions: vectors.map((part, at) => part * (factors[at % rank] as number)),
    outside: outside / width,
    shrinkage,
  };
}

/** Orthogonal iteration: multiply, make orthogonal again, repeat. Vectors are columns of [width, rank]. */
async function largestDirections(covariance: Float32Array, width: number, rank: number, runtime: Runtime) {
  let vectors = orthogonal(
    Float32Array.from({ length: width * rank }, (_, at) => Math.sin(1 + at * 12.9898) + (at % (rank + 1) === 0 ? 2 : 0)),
    width,
    rank,
  );
  let product = vectors;
  for (let round = 0; round <= iterations; round += 1) {
    product = await times(covariance, vectors, width, rank, runtime);
    if (round < iterations) vectors = orthogonal(product, width, rank);
  }
  const values = Array.from({ length: rank }, (_, at) => {
    let sum = 0;
    for (let row = 0; row < width; row += 1) sum += (vectors[row * rank + at] as number) * (product[row * rank + at] as number);
    return sum;
  });
  return { vectors, values };
}

/** A small product is done here: opening a session takes longer. */
const smallProduct = 2 ** 22;

async function times(
  covariance: Float32Array,
  vectors: Float32Array,
  width: number,
  rank: number,
  runtime: Runtime,
): Promise<Float32Array> {
  if (width * width * rank > smallProduct)
    return multiply({ data: covariance, rows: width, inner: width }, { data: vectors, columns: rank, transposed: false }, runtime);
  const product = new Float32Array(width * rank);
  for (let row = 0; row < width; row += 1)
    for (let inner = 0; inner < width; inner += 1) {
      const factor = covariance[row * width + inner] as number;
      for (let column = 0; column < rank; column += 1) product[row * rank + column]! += factor * (vectors[inner * rank + column] as number);
    }
  return product;
}

/** Modified Gram–Schmidt, twice over for the sake of nearly equal columns; columns that vanish become zero. */
function orthogonal(matrix: Float32Array, width: number, rank: number): Float32Array {
  const columns = Array.from({ length: rank }, (_, at) =>
    Float64Array.from({ length: width }, (_value, row) => matrix[row * rank + at] as number),
  );
  for (const [at, column] of columns.entries()) {
    const before = length(column);
    for (let pass = 0; pass < 2; pass += 1)
      for (let other = 0; other < at; other += 1) {
        const axis = columns[other] as Float64Array;
        let shared = 0;
        for (let row = 0; row < width; row += 1) shared += (column[row] as number) * (axis[row] as number);
        for (let row = 0; row < width; row += 1) column[row]! -= shared * (axis[row] as number);
      }
    const left = length(column);
    for (let row = 0; row < width; row += 1) column[row] = left > 1e-7 * before ? (column[row] as number) / left : 0;
  }
  return Float32Array.from({ length: width * rank }, (_, at) => columns[at % rank]?.[Math.floor(at / rank)] as number);
}

function length(vector: Float64Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}

/** √(outside·‖z‖² − ‖z·directions‖²) for every row. */
export async function scoreAll({ mean, directions, outside }: NormalModel, rows: Rows, runtime: Runtime): Promise<Float32Array> {
  const { width, count } = rows;
  const offsets = rows.features.slice(0, count * width);
  for (let at = 0; at < offsets.length; at += 1) offsets[at]! -= mean[at % width] as number;
  const rank = directions.length / width;
  const projections = await multiply(
    { data: offsets, rows: count, inner: width },
    { data: directions, columns: rank, transposed: false },
    runtime,
  );
  return Float32Array.from({ length: count }, (_, row) => {
    const all = offsets.subarray(row * width, (row + 1) * width).reduce((sum, value) => sum + value * value, 0);
    const usual = projections.subarray(row * rank, (row + 1) * rank).reduce((sum, value) => sum + value * value, 0);
    return Math.sqrt(Math.max(0, outside * all - usual));
  });
}
