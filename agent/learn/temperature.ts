// One scale for all logits, so that softmax gives honest confidences. Predictions of rows by a model that has not seen them in, the factor out.

export interface Predicted {
  /** [count, classes]. */
  readonly logits: Float32Array;
  readonly labels: ArrayLike<number>;
  readonly classes: number;
  readonly weights?: Float32Array;
  /** Rows that are independent of each other; all of them where absent. Views and bursts say one thing many times. */
  readonly moments?: number;
}

/**
 * The factor t that makes softmax(t·logits) fit best, by golden-section search on log t: the loss is convex in t. Targets are smoothed
 * as Platt (1999) does, (n + 1)/(n + 2) for the true class, because a few rows that are all right would call for an endless factor.
 */
export function fitScale(predicted: Predicted): number {
  const size = standardDeviation(predicted.logits) || 1;
  const loss = (logScale: number) => crossEntropy(predicted, Math.exp(logScale), 1 / ((predicted.moments ?? predicted.labels.length) + 2));
  const golden = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(1e-2 / size);
  let high = Math.log(1e2 / size);
  for (let round = 0; round < 40; round += 1) {
    const left = high - golden * (high - low);
    const right = low + golden * (high - low);
    if (loss(left) < loss(right)) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}

/** Mean negative log-likelihood of the labels under softmax(scale·logits); `smoothing` is spread over the other classes. */
export function crossEntropy({ logits, labels, classes, weights }: Predicted, scale = 1, smoothing = 0): number {
  let sum = 0;
  let total = 0;
  for (let row = 0; row < labels.length; row += 1) {
    const from = row * classes;
    let highest = Number.NEGATIVE_INFINITY;
    let mean = 0;
    for (let at = from; at < from + classes; at += 1) {
      const value = scale * logits[at]!;
      if (value > highest) highest = value;
      mean += value / classes;
    }
    let exponentials = 0;
    for (let at = from; at < from + classes; at += 1) exponentials += Math.exp(scale * logits[at]! - highest);
    const own = scale * logits[from + labels[row]!]!;
    const others = classes > 1 ? (classes * mean - own) / (classes - 1) : own;
    const weight = weights?.[row] ?? 1;
    sum += weight * (highest + Math.log(exponentials) - (1 - smoothing) * own - smoothing * others);
    total += weight;
  }
  return total > 0 ? sum / total : 0;
}

function standardDeviation(values: Float32Array): number {
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / values.length;
  return Math.sqrt(Math.max(0, squares / values.length - mean * mean));
}
