// Features of which nobody knows the middle, as the head sees them: their part along its weights, and the middle there, which is where no class is
// preferred. What lies across the weights may be common to all captures of all classes, and then says nothing of a new one. Pure.
import { WhetError } from '../../errors.ts';
import { invertPositive } from './cholesky.ts';
import type { Rows } from './gather.ts';
import type { Head } from './stand-ins.ts';

/** Makes weights that hang together solvable; as a part of their mean square. */
const ridge = 1e-6;

export interface Seen {
  /** [count, width]: the rows without what lies across the weights. */
  readonly features: Float32Array;
  /** [width]. */
  readonly middle: Float64Array;
}

/** x → W(WᵀW)⁻¹Wᵀx, and the shortest x with Wᵀx + b = 0; W centred, over the known classes. Throws `training-diverged` for weights that are not finite. */
export function seenBy({ weights, bias, classes, known }: Head, { features, width, count }: Rows): Seen {
  const labels = [...known.keys()].filter((label) => known[label]);
  const columns = labels.map((label) => Float64Array.from({ length: width }, (_, at) => weights[at * classes + label]!));
  const size = columns.length;
  const gram = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) for (let j = 0; j <= i; j += 1) gram[i * size + j] = gram[j * size + i] = dot(columns[i]!, columns[j]!);
  let trace = 0;
  for (let i = 0; i < size; i += 1) trace += gram[i * size + i]!;
  for (let i = 0; i < size; i += 1) gram[i * size + i]! += (ridge * trace) / size;
  const inverse = invertPositive(gram, size);
  if (inverse === null) {
    throw new WhetError('training-diverged', `the weights of ${size} classes are not finite, or all zero`, {
      hint: 'Look at the model: a head without weights knows no classes.',
    });
  }
  const combined = (wanted: Float64Array) => {
    const sum = new Float64Array(width);
    for (const [at, column] of columns.entries()) {
      const factor = dot(inverse.subarray(at * size, (at + 1) * size), wanted);
      for (let feature = 0; feature < width; feature += 1) sum[feature]! += factor * column[feature]!;
    }
    return sum;
  };
  const along = new Float32Array(count * width);
  for (let row = 0; row < count; row += 1) {
    const own = features.subarray(row * width, (row + 1) * width);
    along.set(combined(Float64Array.from(columns, (column) => dot(column, own))), row * width);
  }
  return { features: along, middle: combined(Float64Array.from(labels, (label) => -bias[label]!)) };
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += a[at]! * b[at]!;
  return sum;
}
