// The sums a closed-form learner needs. They add up over samples, devices and time, and a sample's term can be taken out again. Plain
// arithmetic on records; `gather.ts` computes them from features. Refuses sums whose sizes do not match.
import { WhetError } from '../../errors.ts';

export interface Statistics {
  /** Feature width without the bias column. */
  readonly width: number;
  readonly classes: number;
  /**
   * [width], about which features are summed: h stands for h − shift in what follows. Features far from zero would lose their digits in sums of
   * squares. Chosen when they are first gathered, and kept; absent: zero.
   */
  readonly shift?: Float32Array;
  /** Σ wᵢ hᵢhᵢᵀ, [width + 1, width + 1]; the last row and column belong to the bias column of ones. */
  readonly gram: Float32Array;
  /** Σ wᵢ hᵢyᵢᵀ, [width + 1, classes]; y is one-hot or a soft target, not centred, so that new classes can join later. */
  readonly moment: Float32Array;
  /** Σ wᵢ. */
  readonly weight: number;
}

/** The sums over no sample at all. */
export function emptyStatistics(width: number, classes: number, shift: Float32Array | null = null): Statistics {
  const rows = width + 1;
  const empty = { width, classes, gram: new Float32Array(rows * rows), moment: new Float32Array(rows * classes), weight: 0 };
  return shift === null ? empty : { ...empty, shift };
}

/**
 * a + factor · b, about the shift of a, or of b where a has none. With factor −1 the terms of b are taken out of a again. Sums about the same
 * shift are added as they are.
 */
export function addStatistics(a: Statistics, b: Statistics, factor = 1): Statistics {
  if (a.width !== b.width || a.classes !== b.classes) {
    throw new WhetError(
      'internal',
      `statistics of ${a.width} features and ${a.classes} classes cannot be added to those of ${b.width} and ${b.classes}`,
    );
  }
  const shift = a.shift ?? b.shift ?? null;
  const [one, other] = [aboutShift(a, shift), aboutShift(b, shift)];
  return {
    ...one,
    gram: one.gram.map((value, at) => value + factor * other.gram[at]!),
    moment: one.moment.map((value, at) => value + factor * other.moment[at]!),
    weight: a.weight + factor * b.weight,
  };
}

/**
 * The same samples summed about another point, null for zero. With d = old − new, Σ w(h + d)(h + d)ᵀ = G + g dᵀ + d gᵀ + W d dᵀ, where g = Σ wh,
 * and Σ w(h + d)yᵀ = M + d (Σ wy)ᵀ; in double.
 */
export function aboutShift(statistics: Statistics, shift: Float32Array | null): Statistics {
  const { width, classes, weight, shift: _old, ...rest } = statistics;
  const moved = Float64Array.from({ length: width }, (_, at) => (statistics.shift?.[at] ?? 0) - (shift?.[at] ?? 0));
  const named = shift === null ? {} : { shift };
  if (moved.every((value) => value === 0)) return { width, classes, weight, ...named, ...rest };
  const rows = width + 1;
  const gram = Float32Array.from(statistics.gram);
  const moment = Float32Array.from(statistics.moment);
  const first = (row: number) => statistics.gram[row * rows + width]!;
  for (const [row, d] of moved.entries()) {
    for (const [column, e] of moved.entries())
      gram[row * rows + column] = statistics.gram[row * rows + column]! + first(row) * e + d * first(column) + weight * d * e;
    gram[row * rows + width] = first(row) + weight * d;
    gram[width * rows + row] = gram[row * rows + width]!;
    for (let label = 0; label < classes; label += 1) moment[row * classes + label]! += d * statistics.moment[width * classes + label]!;
  }
  return { width, classes, weight, ...named, gram, moment };
}

/** Mean of the features, [width]: the gram's bias column, and what was taken away before. */
export function meanOfStatistics({ gram, width, weight, shift }: Pick<Statistics, 'gram' | 'width' | 'weight' | 'shift'>): Float32Array {
  return Float32Array.from({ length: width }, (_, at) => gram[at * (width + 1) + width]! / weight + (shift?.[at] ?? 0));
}

/** a without the terms of b, which must be part of it. */
export function subtractStatistics(a: Statistics, b: Statistics): Statistics {
  return addStatistics(a, b, -1);
}

/** Every term weighted anew by the same factor. */
export function scaleStatistics(statistics: Statistics, factor: number): Statistics {
  return {
    ...statistics,
    gram: statistics.gram.map((value) => value * factor),
    moment: statistics.moment.map((value) => value * factor),
    weight: statistics.weight * factor,
  };
}

/**
 * The same samples under another list of classes: `from[k]` is the old class that new class k takes over, or null for a class that is new.
 * Old classes that nobody takes over leave their samples in `gram` as samples of no class.
 */
export function remapStatistics(statistics: Statistics, from: readonly (number | null)[]): Statistics {
  const rows = statistics.width + 1;
  const moment = new Float32Array(rows * from.length);
  for (const [to, source] of from.entries()) {
    if (source === null) continue;
    if (!Number.isInteger(source) || source < 0 || source >= statistics.classes)
      throw new WhetError('internal', `statistics of ${statistics.classes} classes have no class ${source}`);
    for (let row = 0; row < rows; row += 1) moment[row * from.length + to] = statistics.moment[row * statistics.classes + source]!;
  }
  return { ...statistics, classes: from.length, moment };
}

/** Room for further classes at the end; what is known of the old ones stays. */
export function extendStatistics(statistics: Statistics, classes: number): Statistics {
  return remapStatistics(
    statistics,
    Array.from({ length: classes }, (_, index) => (index < statistics.classes ? index : null)),
  );
}
