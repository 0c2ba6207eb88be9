// How a gradient fit goes about: the batch that it wishes for, epochs, rates and the order of samples, from the number of samples and the size of
// the tail. Reproducible: the same seed gives the same order. What lowers the batch where memory is short is `room.ts`, and a release keeps by which
// memory (test/training/unlearning.test.ts).
import { type GradientSettings, gradientDefaults } from '../../config/gradient-schema.ts';

export interface Plan {
  readonly batch: number;
  /** Most epochs; the held-out loss usually ends it earlier. */
  readonly epochs: number;
  /** Epochs without a better held-out loss after which training stops. */
  readonly patience: number;
  /** Epochs after which a fit that began warm and found nothing better than its beginning goes no further. */
  readonly scouting: number;
  /** Learning rate at its peak. */
  readonly rate: number;
  readonly schedule: GradientSettings['schedule'];
  /** Share of all steps. */
  readonly warmUp: number;
}

/**
 * AdamW moves every weight by about the rate in each step, so a logit of scaled features by rate · width at most: half a unit is fast enough
 * to learn and slow enough to stop in time (on photographs' features, 5 to 50 a class, twice and half of it were worse).
 */
const rateOfWidth = (width: number) => Math.min(0.01, 0.5 / width);
/** Several layers, the last one of which starts where the closed form puts it. */
const rateOfDepth = 0.0007;
/** Small sets need more passes to get anywhere, large ones settle within few. */
const wantedSteps = 400;

/**
 * `smallestPart` is the number of rows of the smallest set that will be trained on: a batch is never larger. `width` is that of the features
 * which enter one linear layer; null where several layers are trained.
 */
export function planFor(
  rows: number,
  smallestPart: number,
  width: number | null,
  { epochs: wanted, rate, schedule, warmUp }: Pick<GradientSettings, 'epochs' | 'rate' | 'schedule' | 'warmUp'> = gradientDefaults,
): Plan {
  const batch = Math.max(1, Math.min(32, smallestPart));
  const epochs = wanted ?? Math.min(150, Math.max(20, Math.ceil(wantedSteps / Math.ceil(rows / batch))));
  const highest = rate ?? (width === null ? rateOfDepth : rateOfWidth(width));
  const patience = Math.max(5, Math.ceil(epochs / 6));
  // Where more layers help they show it in the first epochs: in every draw of the depth study, in the first one.
  return { batch, epochs, patience, scouting: Math.max(4, Math.ceil(patience / 4)), rate: highest, schedule, warmUp };
}

/**
 * Rates of one epoch's steps: linear warm-up over the first steps, then a cosine down to zero (Loshchilov, Hutter 2017), two falls to a tenth,
 * or no fall.
 */
export function ratesOfEpoch(plan: Plan, epoch: number, steps: number): Float32Array {
  const total = plan.epochs * steps;
  const warmUp = Math.ceil(total * plan.warmUp);
  return Float32Array.from({ length: steps }, (_, index) => {
    const step = epoch * steps + index;
    const rising = warmUp === 0 ? 1 : Math.min(1, (step + 1) / warmUp);
    return plan.rate * rising * left(plan.schedule, step / total);
  });
}

/** What is left of the rate after a share of all steps. */
function left(schedule: Plan['schedule'], done: number): number {
  if (schedule === 'cosine') return 0.5 * (1 + Math.cos(Math.PI * done));
  if (schedule === 'constant' || done < 0.5) return 1;
  return done < 0.75 ? 0.1 : 0.01;
}

/** Partners of an epoch's order, and shares from Beta(α, α) that leave the larger part to the row itself (Zhang et al. 2018). */
export function mixingOfEpoch(order: BigInt64Array, alpha: number, random: () => number) {
  const partners = BigInt64Array.from(order);
  for (let at = partners.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [partners[at], partners[other]] = [partners[other] as bigint, partners[at] as bigint];
  }
  const mix = Float32Array.from(order, () => {
    const share = beta(alpha, random);
    return Math.min(share, 1 - share);
  });
  return { partners, mix };
}

/** A number from Beta(α, α), by Jöhnk's method up to 1 and as a quotient of gammas beyond (Marsaglia, Tsang 2000). */
function beta(alpha: number, random: () => number): number {
  if (alpha > 1) {
    const [a, b] = [gamma(alpha, random), gamma(alpha, random)];
    return a / (a + b);
  }
  for (;;) {
    const [x, y] = [random() ** (1 / alpha), random() ** (1 / alpha)];
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}

function gamma(shape: number, random: () => number): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const v = (1 + c * normal) ** 3;
    if (v > 0 && Math.log(1 - random()) < normal ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Rows in random order as [steps, batch] indices; the last batch is filled up from the beginning. */
export function orderOfEpoch(rows: readonly number[], batch: number, random: () => number): BigInt64Array {
  const shuffled = [...rows];
  for (let at = shuffled.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [shuffled[at], shuffled[other]] = [shuffled[other] as number, shuffled[at] as number];
  }
  const steps = Math.ceil(rows.length / batch);
  return BigInt64Array.from({ length: steps * batch }, (_, at) => BigInt(shuffled[at % rows.length] as number));
}
