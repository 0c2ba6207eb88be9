// Logits and true labels → accuracy with its Wilson interval, confusion, recall a class, log-likelihood and calibration error. Pure.
import type { Proportion } from '../types.ts';
import { crossEntropy, type Predicted } from './temperature.ts';

export interface Evaluation {
  readonly accuracy: Proportion;
  /** Row: true class, column: predicted class. */
  readonly confusion: readonly (readonly number[])[];
  /** null for a class without samples. */
  readonly recall: readonly (number | null)[];
  /** Mean negative log-likelihood under softmax of the logits, in nats. */
  readonly negativeLogLikelihood: number;
  /** Expected calibration error over ten bins of confidence (Guo et al. 2017), 0 to 1. */
  readonly calibrationError: number;
}

/** Judges logits that softmax turns into confidences. */
export function evaluate(predicted: Predicted): Evaluation {
  const { logits, labels, classes } = predicted;
  const guesses = topClasses(logits, classes);
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let row = 0; row < labels.length; row += 1) confusion[labels[row]!]![guesses[row]!]! += 1;
  const correct = confusion.reduce((sum, row, label) => sum + row[label]!, 0);
  return {
    accuracy: proportion(correct, labels.length),
    confusion,
    recall: confusion.map((row, label) => {
      const samples = row.reduce((sum, count) => sum + count, 0);
      return samples === 0 ? null : row[label]! / samples;
    }),
    negativeLogLikelihood: crossEntropy(predicted),
    calibrationError: calibrationError(logits, labels, classes, guesses),
  };
}

/** The most likely class of each row; the first one where several are equal. */
export function topClasses(logits: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: logits.length / classes }, (_, row) => {
    let best = 0;
    for (let label = 1; label < classes; label += 1) if (logits[row * classes + label]! > logits[row * classes + best]!) best = label;
    return best;
  });
}

/** Which rows are right. */
export function hits(logits: Float32Array, labels: ArrayLike<number>, classes: number): readonly boolean[] {
  return Array.from(topClasses(logits, classes), (guess, row) => guess === labels[row]);
}

/** Wilson's score interval at 95 % (Wilson 1927); from 0 to 1 without samples. */
export function proportion(correct: number, samples: number): Proportion {
  if (samples === 0) return { value: 0, samples: 0, low: 0, high: 1 };
  const z = 1.959964;
  const value = correct / samples;
  const spread = (z * z) / samples;
  const centre = (value + spread / 2) / (1 + spread);
  const half = (z * Math.sqrt((value * (1 - value)) / samples + spread / (4 * samples))) / (1 + spread);
  return { value, samples, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

function calibrationError(logits: Float32Array, labels: ArrayLike<number>, classes: number, guesses: Int32Array): number {
  const bins = Array.from({ length: 10 }, () => ({ confidence: 0, correct: 0 }));
  for (const [row, guess] of guesses.entries()) {
    const top = logits[row * classes + guess]!;
    let exponentials = 0;
    for (let label = 0; label < classes; label += 1) exponentials += Math.exp(logits[row * classes + label]! - top);
    const confidence = 1 / exponentials;
    const bin = bins[Math.min(9, Math.floor(confidence * 10))]!;
    bin.confidence += confidence;
    bin.correct += guess === labels[row] ? 1 : 0;
  }
  return guesses.length === 0 ? 0 : bins.reduce((sum, bin) => sum + Math.abs(bin.confidence - bin.correct), 0) / guesses.length;
}
