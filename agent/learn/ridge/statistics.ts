// The sums a closed-form learner needs. They add up over samples, devices and time, and a sample's term can be taken out again. Plain
// arithmetic on records; `gather.ts` computes them from features. Refuses sums whose sizes do not match.
import { WhetError } from '../../errors.ts';

export interface Statistics {
  /** Feature width without the bias column. */
  readonly width: number;
  readonly classes: number;
  /** Σ wᵢ hᵢhᵢᵀ, [width + 1, width + 1]; the last row and column belong to the bias column of ones. */
  readonly gram: Float32Array;
  /** Σ wᵢ hᵢyᵢᵀ, [width + 1, classes]; y is one-hot or a soft target, not centred, so that new classes can join later. */
  readonly moment: Float32Array;
  /** Σ wᵢ. */
  readonly weight: number;
}

/** The sums over no sample at all. */
export function emptyStatistics(width: number, classes: number): Statistics {
  const rows = width + 1;
  return { width, classes, gram: new Float32Array(rows * rows), moment: new Float32Array(rows * classes), weight: 0 };
}

/** a + factor · b. With factor −1 the terms of b are taken out of a again. */
export function addStatistics(a: Statistics, b: Statistics, factor = 1): Statistics {
  if (a.width !== b.width || a.classes !== b.classes) {
    throw new WhetError(
      'internal',
      `statistics of ${a.width} features and ${a.classes} classes cannot be added to those of ${b.width} and ${b.classes}`,
    );
  }
  return {
    ...a,
    gram: a.gram.map((value, at) => value + factor * b.gram[at]!),
    moment: a.moment.map((value, at) => value + factor * b.moment[at]!),
    weight: a.weight + factor * b.weight,
  };
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
