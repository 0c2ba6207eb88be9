// Scores of normal and of anomalous captures → how well they are told apart. Pure.
import { bootstrap, type Estimate } from '../intervals.ts';

/** Chance that an anomalous capture scores higher than a normal one; equal scores count half (Hanley, McNeil 1982). */
export function rankingQuality(normal: ArrayLike<number>, anomalous: ArrayLike<number>): number {
  let higher = 0;
  for (const a of Array.from(anomalous)) for (const n of Array.from(normal)) higher += a > n ? 1 : a === n ? 0.5 : 0;
  return higher / (normal.length * anomalous.length);
}

/** That chance with its interval. Both kinds are drawn again together; draws without one of them say nothing. */
export function rankingOf(normal: Float32Array, anomalous: Float32Array): Estimate {
  const scores = [...normal, ...anomalous];
  return bootstrap(Int32Array.from(scores.keys()), (rows) =>
    rankingQuality(
      rows.filter((row) => row < normal.length).map((row) => scores[row] as number),
      rows.filter((row) => row >= normal.length).map((row) => scores[row] as number),
    ),
  );
}

export function above(scores: Float32Array, threshold: number): number {
  return scores.filter((score) => score > threshold).length;
}

/** The score above which most anomalous and fewest normal captures lie (Youden 1950). */
export function bestThreshold(normal: Float32Array, anomalous: Float32Array): number {
  const gain = (limit: number) => above(anomalous, limit) / anomalous.length - above(normal, limit) / normal.length;
  return [...normal, ...anomalous].reduce((best, score) => (gain(score) > gain(best) ? score : best));
}
