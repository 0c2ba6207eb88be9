// Two models on the same samples: what each gets right, and how much better the second one is, with intervals. Pure.
import type { Proportion } from '../types.ts';
import { proportion } from './evaluate.ts';

export interface Comparison {
  readonly first: Proportion;
  readonly second: Proportion;
  /** Accuracy of the second less that of the first, with its 95 % interval. */
  readonly gain: number;
  readonly low: number;
  readonly high: number;
  readonly standardError: number;
}

/**
 * Which samples each gets right, in the same order. The difference is (w − l)/n, for w samples that only the second gets right and l that
 * only the first does; its variance is ((w + l) − (w − l)²/n)/n² (Agresti, Categorical Data Analysis, 10.1).
 */
export function comparePaired(first: readonly boolean[], second: readonly boolean[]): Comparison {
  const samples = first.length;
  const count = (rights: readonly boolean[]) => rights.filter(Boolean).length;
  const wins = second.filter((right, at) => right && first[at] === false).length;
  const losses = first.filter((right, at) => right && second[at] === false).length;
  const gain = samples === 0 ? 0 : (wins - losses) / samples;
  const standardError = samples === 0 ? 1 : Math.sqrt(wins + losses - (wins - losses) ** 2 / samples) / samples;
  const half = 1.959964 * standardError;
  return {
    first: proportion(count(first), samples),
    second: proportion(count(second), samples),
    gain,
    low: Math.max(-1, gain - half),
    high: Math.min(1, gain + half),
    standardError,
  };
}
