// Features and targets → statistics, computed in ONNX Runtime chunk by chunk, so that memory does not grow with the number of samples.
// Also the few matrix products that the closed form needs. Refuses rows of another width.

import { WhetError } from '../../errors.ts';
import { encodeModel } from '../../onnx/codec/encode.ts';
import type { Model, Tensor } from '../../onnx/ir.ts';
import { graph, model, node, value } from '../../onnx/made/build.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Session } from '../../runtime/session.ts';
import { shiftOf } from '../shift.ts';
import { emptyStatistics, type Statistics } from './statistics.ts';

/** Rows of features; a FeatureSet is one. */
export interface Rows {
  /** [count, width]. */
  readonly features: Float32Array;
  readonly count: number;
  readonly width: number;
  /** Not negative; 1 where absent. */
  readonly weights?: Float32Array;
}

/** Large enough for full speed of the matrix product, small enough (2.6 MB at 1,280 features) for a small board. */
const chunkRows = 512;
/** Multiplications up to which a product in JavaScript is done before a session of the runtime is open: a millisecond or two. */
const smallProduct = 2_000_000;

export interface Gatherer extends AsyncDisposable {
  /** Adds the terms of rows with targets [count, classes]. */
  add(rows: Rows, targets: Float32Array): Promise<void>;
  /** The sums so far. */
  total(): Statistics;
  close(): Promise<void>;
}

/** Starts from `initial`, about whose shift it sums, or from nothing, about zero. */
async function openGatherer(width: number, classes: number, runtime: Runtime, initial?: Statistics): Promise<Gatherer> {
  const session = await runtime.open(encodeModel(gatherModel(width, classes)), { label: 'the statistics graph' });
  let sums = initial ?? emptyStatistics(width, classes);
  return {
    async add(rows, targets) {
      requireWidth(rows, width);
      for (let from = 0; from < rows.count; from += chunkRows) {
        const until = Math.min(from + chunkRows, rows.count);
        sums = await addChunk(session, sums, rows, targets, from, until);
      }
    },
    total: () => sums,
    close: () => session.close(),
    [Symbol.asyncDispose]: () => session.close(),
  };
}

/**
 * Statistics of a whole set. `targets` is [count, classes]: `oneHot(labels, classes)`, or the base tail's probabilities. They are summed about `shift`,
 * null for zero: about the mean of rows that lie far from zero unless given.
 */
export async function gatherStatistics(
  rows: Rows,
  targets: Float32Array,
  classes: number,
  runtime: Runtime,
  shift: Float32Array | null = shiftOf(rows),
): Promise<Statistics> {
  await using gatherer = await openGatherer(rows.width, classes, runtime, emptyStatistics(rows.width, classes, shift));
  await gatherer.add(rows, targets);
  return gatherer.total();
}

export function oneHot(labels: ArrayLike<number>, classes: number): Float32Array {
  const targets = new Float32Array(labels.length * classes);
  for (let row = 0; row < labels.length; row += 1) targets[row * classes + labels[row]!] = 1;
  return targets;
}

/** Rows chosen by index, weights included. */
export function pickRows(rows: Rows, indices: readonly number[]): Rows {
  const { width } = rows;
  const features = new Float32Array(indices.length * width);
  for (const [to, from] of indices.entries()) features.set(rows.features.subarray(from * width, (from + 1) * width), to * width);
  const weights = rows.weights === undefined ? {} : { weights: Float32Array.from(indices, (from) => rows.weights![from]!) };
  return { features, count: indices.length, width, ...weights };
}

/** a·b, or a·bᵀ; a is [rows, inner], b is [inner, columns] or, transposed, [columns, inner]. */
export async function multiply(
  a: { readonly data: Float32Array; readonly rows: number; readonly inner: number },
  b: { readonly data: Float32Array; readonly columns: number; readonly transposed: boolean },
  runtime: Runtime,
): Promise<Float32Array> {
  if (a.rows * a.inner * b.columns <= smallProduct) return multiplySmall(a, b);
  const shapes = b.transposed ? [b.columns, a.inner] : [a.inner, b.columns];
  const product = node('Gemm', ['a', 'b'], ['c'], { transB: b.transposed ? 1 : 0 });
  const body = graph('product', {
    inputs: [value('a', [a.rows, a.inner]), value('b', shapes)],
    outputs: [value('c', null)],
    nodes: [product],
  });
  await using session = await runtime.open(encodeModel(model(body)), { label: 'a matrix product' });
  const { c } = await session.run({ a: floatTensor([a.rows, a.inner], a.data), b: floatTensor(shapes, b.data) });
  return c?.data as Float32Array;
}

function multiplySmall(
  a: { readonly data: Float32Array; readonly rows: number; readonly inner: number },
  b: { readonly data: Float32Array; readonly columns: number; readonly transposed: boolean },
): Float32Array {
  const product = new Float32Array(a.rows * b.columns);
  const [along, across] = b.transposed ? [1, a.inner] : [b.columns, 1];
  for (let row = 0; row < a.rows; row += 1) {
    for (let column = 0; column < b.columns; column += 1) {
      let sum = 0;
      for (let k = 0; k < a.inner; k += 1) sum += a.data[row * a.inner + k]! * b.data[k * along + column * across]!;
      product[row * b.columns + column] = sum;
    }
  }
  return product;
}

export function floatTensor(dims: readonly number[], data: Float32Array): Tensor {
  return { dtype: 'float32', dims, data };
}

async function addChunk(
  session: Session,
  sums: Statistics,
  rows: Rows,
  targets: Float32Array,
  from: number,
  until: number,
): Promise<Statistics> {
  const { width, classes, shift } = sums;
  const count = until - from;
  const weights = rows.weights?.subarray(from, until) ?? new Float32Array(count).fill(1);
  const own = rows.features.subarray(from * width, until * width);
  const result = await session.run({
    h: floatTensor([count, width], shift === undefined ? own : own.map((value, at) => value - shift[at % width]!)),
    y: floatTensor([count, classes], targets.subarray(from * classes, until * classes)),
    root: floatTensor([count, 1], weights.map(Math.sqrt)),
    gram: floatTensor([width + 1, width + 1], sums.gram),
    moment: floatTensor([width + 1, classes], sums.moment),
  });
  return {
    ...sums,
    gram: result.gram_next?.data as Float32Array,
    moment: result.moment_next?.data as Float32Array,
    weight: weights.reduce((total, weight) => total + weight, sums.weight),
  };
}

/** gram + (√w·[h 1])ᵀ(√w·[h 1]) and moment + (√w·[h 1])ᵀ(√w·y): the root on both sides keeps gram symmetric. */
function gatherModel(width: number, classes: number): Model {
  const rows = width + 1;
  return model(
    graph('statistics', {
      inputs: [
        value('h', ['rows', width]),
        value('y', ['rows', classes]),
        value('root', ['rows', 1]),
        value('gram', [rows, rows]),
        value('moment', [rows, classes]),
      ],
      outputs: [value('gram_next', [rows, rows]), value('moment_next', [rows, classes])],
      nodes: [
        node('Mul', ['h', 'root'], ['weighted']),
        node('Concat', ['weighted', 'root'], ['x'], { axis: 1 }),
        node('Mul', ['y', 'root'], ['targets']),
        node('Gemm', ['x', 'x', 'gram'], ['gram_next'], { transA: 1 }),
        node('Gemm', ['x', 'targets', 'moment'], ['moment_next'], { transA: 1 }),
      ],
    }),
  );
}

function requireWidth(rows: Rows, width: number): void {
  if (rows.width !== width || rows.features.length < rows.count * width)
    throw new WhetError('internal', `${rows.count} rows of ${rows.width} features do not fit statistics of ${width}`);
}
