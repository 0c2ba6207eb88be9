// Trained float weights → the whole model in the form it came in, with what rounding shifts taken out of the biases and the scales of
// activations measured again on the samples that were learned from.

import { requantize } from '../onnx/forms/requantize.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import { singleWeights } from '../onnx/surgery/two-classes.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { correctBiases } from './bias-correction.ts';
import { measureRanges } from './ranges.ts';

export interface TailSamples {
  /** [count, width]. */
  readonly features: Float32Array;
  readonly count: number;
  readonly width: number;
  /** Shape of one, with a batch of 1. */
  readonly shape: readonly number[];
}

/**
 * `fixedScales`: scales of activations stay as `base` has them. `isAware`: the weights were trained on the grids that they are written on, and
 * their biases know what rounding does. Throws what `requantize` throws.
 */
export async function writeBack(
  base: Model,
  tail: FloatTail,
  trained: ReadonlyMap<string, Tensor>,
  samples: TailSamples,
  options: { readonly runtime: Runtime; readonly fixedScales: boolean; readonly isAware: boolean },
): Promise<Model> {
  if (tail.single !== undefined) return writeBack(base, tail.single, singleWeights(tail, trained), samples, options);
  const { shape } = samples;
  const weights = options.isAware ? trained : await correctBiases(tail, trained, samples, shape, options.runtime);
  const ranges = options.fixedScales ? new Map() : await measureRanges(tail, weights, samples, shape, options.runtime);
  return requantize(base, tail, weights, { ranges });
}
