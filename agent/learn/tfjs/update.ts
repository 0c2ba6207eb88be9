// One update of AdamW with the operators of TensorFlow.js, and a bound on the gradients before it.
import { adamW } from '../../autodiff/optimizers.ts';
import type { TensorFlow, TfTensor } from './load.ts';

export interface Updated {
  readonly w: TfTensor;
  readonly m: TfTensor;
  readonly v: TfTensor;
}

/** m ← β₁·m + (1 − β₁)·dw,  v ← β₂·v + (1 − β₂)·dw²,  w ← (1 − rate·λ)·w − rate·m̂/(√v̂ + ε);  `t` counts steps from 1, `decay` is λ. */
export function updated(tf: TensorFlow, { w, m, v }: Updated, dw: TfTensor, rate: number, t: number, decay: number): Updated {
  const { beta1, beta2, epsilon } = adamW;
  const nextM = tf.add(tf.mul(m, beta1), tf.mul(dw, 1 - beta1));
  const nextV = tf.add(tf.mul(v, beta2), tf.mul(tf.square(dw), 1 - beta2));
  const deviation = tf.add(tf.sqrt(tf.div(nextV, 1 - beta2 ** t)), epsilon);
  const kept = tf.mul(w, 1 - rate * decay);
  return { w: tf.sub(kept, tf.mul(tf.div(nextM, deviation), rate / (1 - beta1 ** t))), m: nextM, v: nextV };
}

/** Gradients times min(1, limit/(n + 10⁻⁶)), n the norm of all together. */
export function bounded(tf: TensorFlow, gradients: readonly TfTensor[], limit: number): readonly TfTensor[] {
  const norm = tf.sqrt(gradients.map((dw) => tf.sum(tf.square(dw))).reduce((a, b) => tf.add(a, b)));
  const factor = tf.minimum(tf.div(limit, tf.add(norm, 1e-6)), 1);
  return gradients.map((dw) => tf.mul(dw, factor));
}
