// One probability a class → class names with confidence, most likely first; the ten best, which is what is stored and shown.
import type { ClassScore } from '../types.ts';

const kept = 10;

export function scoresOf(probabilities: Float32Array, classes: readonly string[]): readonly ClassScore[] {
  const order = Array.from(probabilities.keys()).sort((a, b) => (probabilities[b] as number) - (probabilities[a] as number));
  return order.slice(0, kept).map((index) => ({
    label: classes[index] ?? `class ${index}`,
    confidence: Math.min(1, Math.max(0, probabilities[index] as number)),
  }));
}
