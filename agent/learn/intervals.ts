// 95 % intervals of anything that is computed from rows, by drawing the rows again (Efron 1979). Seeded; rows of one group stay together.
import { randomOf } from '../random.ts';

export interface Estimate {
  readonly value: number;
  readonly samples: number;
  readonly low: number;
  readonly high: number;
}

const draws = 1000;

/** `statistic` gets the indices of the drawn rows. Draws on which it is not finite (all targets equal, say) are left out. */
export function bootstrap(groups: ArrayLike<number>, statistic: (rows: readonly number[]) => number, seed = 1): Estimate {
  const members = [
    ...Map.groupBy(
      Array.from({ length: groups.length }, (_, row) => row),
      (row) => groups[row] as number,
    ).values(),
  ];
  const random = randomOf(seed);
  const all = members.flat();
  const values: number[] = [];
  for (let draw = 0; draw < draws; draw += 1) {
    const rows = members.flatMap(() => members[Math.floor(random() * members.length)] as number[]);
    const drawn = statistic(rows);
    if (Number.isFinite(drawn)) values.push(drawn);
  }
  values.sort((a, b) => a - b);
  const at = (share: number) => values[Math.min(values.length - 1, Math.max(0, Math.round(share * (values.length - 1))))] ?? Number.NaN;
  return { value: statistic(all), samples: all.length, low: at(0.025), high: at(0.975) };
}

/** 95 % interval of the mean of a Poisson variable that was counted once (Garwood 1936). */
export function countBounds(count: number): readonly [low: number, high: number] {
  const tail = 0.025;
  const solve = (isHigh: (mean: number) => boolean) => {
    let [low, high] = [0, 10 + 4 * count];
    for (let step = 0; step < 100; step += 1) {
      const middle = (low + high) / 2;
      if (isHigh(middle)) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  };
  return [count === 0 ? 0 : solve((mean) => 1 - atMost(count - 1, mean) >= tail), solve((mean) => atMost(count, mean) <= tail)];
}

/** Probability of `count` or fewer where `mean` are expected. */
function atMost(count: number, mean: number): number {
  let [logTerm, sum] = [-mean, 0];
  for (let k = 0; k <= count; k += 1) {
    sum += Math.exp(logTerm);
    logTerm += Math.log(mean) - Math.log(k + 1);
  }
  return Math.min(1, sum);
}
