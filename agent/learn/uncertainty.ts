// Predictions → how much a label would teach. Probabilities in, numbers or an order out; pure.

export type Uncertainty = 'margin' | 'confidence' | 'entropy';

/** The higher, the less sure; each within [0, 1]. */
export function uncertaintyOf(probabilities: ArrayLike<number>, kind: Uncertainty): number {
  switch (kind) {
    case 'margin': {
      const [first, second] = topTwo(probabilities);
      return 1 - (first - second);
    }
    case 'confidence':
      return 1 - topTwo(probabilities)[0];
    case 'entropy': {
      let entropy = 0;
      for (let label = 0; label < probabilities.length; label += 1) {
        const p = probabilities[label]!;
        if (p > 0) entropy -= p * Math.log(p);
      }
      return probabilities.length > 1 ? entropy / Math.log(probabilities.length) : 0;
    }
  }
}

/** Rows of [count, classes], the most worth asking about first; equal ones in their order. */
export function mostUncertain(probabilities: Float32Array, classes: number, kind: Uncertainty, wanted: number): readonly number[] {
  const scores = Array.from({ length: probabilities.length / classes }, (_, row) =>
    uncertaintyOf(probabilities.subarray(row * classes, (row + 1) * classes), kind),
  );
  return [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, wanted);
}

function topTwo(probabilities: ArrayLike<number>): readonly [number, number] {
  let [first, second] = [0, 0];
  for (let label = 0; label < probabilities.length; label += 1) {
    const p = probabilities[label]!;
    if (p > first) [first, second] = [p, first];
    else if (p > second) second = p;
  }
  return [first, second];
}
