// What chance alone would do: the sign test on moments, and how small its p must be when a device asks again and again. Pure.

/** Looks after which a device has used most of its allowance: later ones want ever more. */
const fullLooks = 10;
/** Share of the allowance that the tenth look may use by itself; the looks overlap, so that all of them together use less than all of it. */
const fullShare = 0.45;

/**
 * Largest p at which look number `look` (from 1) of a device may call a candidate better, so that over all looks an equal model is called
 * better on at most 1 − `confidence` of devices: alpha spending (Lan, DeMets 1983) with levels rising as √look up to the tenth and falling as
 * 1/look³ from there on. The share was found by simulation (`scripts/gate-study.mjs`), at every rate at which the two models differ.
 */
export function levelAt(look: number, confidence: number): number {
  const ratio = look / fullLooks;
  return (1 - confidence) * fullShare * (ratio <= 1 ? Math.sqrt(ratio) : ratio ** -3);
}

/** Probability of `successes` or more among `trials`, each with probability p. */
export function atLeast(successes: number, trials: number, p: number): number {
  let sum = 0;
  let logTerm = trials * Math.log1p(-p);
  for (let count = 0; count <= trials; count += 1) {
    if (count >= successes) sum += Math.exp(logTerm);
    logTerm += Math.log(trials - count) - Math.log(count + 1) + Math.log(p) - Math.log1p(-p);
  }
  return Math.min(1, sum);
}

/** Fewest wins without a loss whose p is at most `level`. */
export function fewestWins(level: number): number {
  return Math.ceil(Math.log2(1 / level) - 1e-9);
}

/** The moments (these included) at which wins and losses in the same proportion would be enough; null where the trend is no gain. */
export function momentsToShow(wins: number, losses: number, moments: number, level: number): number | null {
  if (wins <= losses) return null;
  for (let factor = 1.1; factor <= 50; factor *= 1.1) {
    const [won, lost] = [Math.floor(wins * factor), Math.ceil(losses * factor)];
    if (atLeast(won, won + lost, 0.5) <= level) return Math.ceil(moments * factor);
  }
  return null;
}

/** `p = 0.012`, or `p < 0.001` for what would be printed as zero. */
export function formatChance(p: number): string {
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`;
}
