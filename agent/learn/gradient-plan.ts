// How a gradient fit goes about: batch, epochs, rates and the order of samples, from the number of samples and the size of the tail alone.
// Reproducible: the same seed gives the same order.

export interface Plan {
  readonly batch: number;
  /** Most epochs; the held-out loss usually ends it earlier. */
  readonly epochs: number;
  /** Epochs without a better held-out loss after which training stops. */
  readonly patience: number;
  /** Learning rate at its peak. */
  readonly rate: number;
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
export function planFor(rows: number, smallestPart: number, width: number | null): Plan {
  const batch = Math.max(1, Math.min(32, smallestPart));
  const epochs = Math.min(150, Math.max(20, Math.ceil(wantedSteps / Math.ceil(rows / batch))));
  return { batch, epochs, patience: Math.max(5, Math.ceil(epochs / 6)), rate: width === null ? rateOfDepth : rateOfWidth(width) };
}

/** Rates of one epoch's steps: linear warm-up over the first twentieth of all steps, then a cosine down to zero (Loshchilov, Hutter 2017). */
export function ratesOfEpoch(plan: Plan, epoch: number, steps: number): Float32Array {
  const total = plan.epochs * steps;
  const warmUp = Math.ceil(total / 20);
  return Float32Array.from({ length: steps }, (_, index) => {
    const step = epoch * steps + index;
    return plan.rate * Math.min(1, (step + 1) / warmUp) * 0.5 * (1 + Math.cos((Math.PI * step) / total));
  });
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
