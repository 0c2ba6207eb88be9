// Unlabelled features of a device → the same head for features whose mean has moved: another microphone shifts them all alike. Right only where
// the device hears the classes about as often as the base model did. Pure; refuses sets of no rows.
import { WhetError } from '../../errors.ts';
import type { RidgeFit } from './ridge.ts';

/**
 * W(h − share·(μ − μ₀)) + b as a head of its own: b′ = b − share·W(μ − μ₀), μ the mean of `features` [count, width] and μ₀ the base's.
 * `share` in [0, 1] says how far the difference is believed.
 */
export function recentred(
  head: RidgeFit,
  features: { readonly features: Float32Array; readonly count: number; readonly width: number },
  base: Float32Array,
  share: number,
): RidgeFit {
  const { count, width } = features;
  if (count === 0) throw new WhetError('internal', 'no features to centre on');
  const classes = head.bias.length;
  const bias = Float32Array.from(head.bias);
  for (let at = 0; at < width; at += 1) {
    let mean = 0;
    for (let row = 0; row < count; row += 1) mean += features.features[row * width + at]! / count;
    const moved = share * (mean - base[at]!);
    for (let label = 0; label < classes; label += 1) bias[label]! -= moved * head.weights[at * classes + label]!;
  }
  return { weights: head.weights, bias };
}
