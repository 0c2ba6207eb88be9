// What is drawn, from a seed: the same seed makes the same decisions (what the machine makes of their timing is its own).
import { randomOf } from '../../dist/random.js';

export function createDice(seed) {
  const unit = randomOf(seed);
  return {
    unit,
    between: (low, high) => low + unit() * (high - low),
    /** 0 to n - 1. */
    whole: (n) => Math.floor(unit() * n),
    chance: (probability) => unit() < probability,
    pick: (list) => list[Math.floor(unit() * list.length)],
    /** One of the keys, as often as its number says against the others. */
    weighted(weights) {
      const entries = Object.entries(weights);
      let left = unit() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [name, weight] of entries) {
        left -= weight;
        if (left < 0) return name;
      }
      return entries.at(-1)[0];
    },
  };
}
