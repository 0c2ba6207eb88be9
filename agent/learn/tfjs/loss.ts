// The loss of agent/autodiff/loss.ts with the operators of TensorFlow.js: targets of all samples beforehand, the cross-entropy of a batch.
import type { LossOptions } from '../../autodiff/loss.ts';
import type { EngineSamples } from '../gradient/engine.ts';
import type { TensorFlow, TfTensor } from './load.ts';

export interface Term {
  /** [count, classes], multiplied by the row's weight. */
  readonly targets: TfTensor;
  /** [count, 1] */
  readonly weights: TfTensor;
  readonly temperature: number;
}

/** Labels, spread where they are smoothed, and where the base tail teaches, what it says. */
export function termsOf(tf: TensorFlow, { labels, weights, teaching }: EngineSamples, loss: LossOptions, batch: number): readonly Term[] {
  const { classes, smoothing, kind, distillation } = loss;
  return tf.tidy(() => {
    const column = (values: Float32Array) => tf.reshape(tf.tensor1d(values), [-1, 1]);
    const relative = tf.div(column(weights), tf.mul(tf.mean(tf.tensor1d(weights)), batch));
    const spread = smoothing / (kind === 'softmax' ? classes : 2);
    const labelled = tf.oneHot(tf.tensor1d(labels, 'int32'), classes, 1 - smoothing + spread, spread, 'float32' as never);
    if (teaching === null || distillation === null) {
      return [{ targets: tf.mul(labelled, relative), weights: relative, temperature: 1 }] as never;
    }
    const { temperature } = distillation;
    const logits = tf.div(tf.tensor2d(teaching.teacher, [labels.length, classes]), temperature);
    const softened = kind === 'softmax' ? tf.softmax(logits) : tf.sigmoid(logits);
    const share = column(teaching.share);
    const own = tf.mul(relative, tf.sub(1, share));
    const taught = tf.mul(relative, tf.mul(share, temperature ** 2));
    return [
      { targets: tf.mul(labelled, own), weights: own, temperature: 1 },
      { targets: tf.mul(softened, taught), weights: taught, temperature },
    ] as never;
  });
}

/** softmax: −Σ t·ln softmax(u);  sigmoid: Σ ω·ln(1 + eᵘ) − t·u. */
export function crossEntropy(tf: TensorFlow, kind: LossOptions['kind'], u: TfTensor, targets: TfTensor, weights: TfTensor): TfTensor {
  if (kind === 'softmax') return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(u))));
  return tf.sum(tf.sub(tf.mul(weights, tf.softplus(u)), tf.mul(targets, u)));
}
