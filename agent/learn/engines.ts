// The gradient learner on the engine of a name. TensorFlow.js and what translates to it are loaded only where `tfjs` trains.
import { gradient, gradientOn } from './gradient/gradient.ts';
import type { Learner } from './learner.ts';

export type EngineName = 'onnx' | 'tfjs';

/** Its `fit` throws `engine-unavailable` where the engine cannot be loaded, and `operator-unsupported` for what it cannot train. */
export function gradientBy(engine: EngineName): Learner {
  if (engine === 'onnx') return gradient;
  return gradientOn(async (tail, samples, options) => {
    const [{ loadTensorFlow }, { tfjsEngine }] = await Promise.all([import('./tfjs/load.ts'), import('./tfjs/engine.ts')]);
    return tfjsEngine(await loadTensorFlow())(tail, samples, options);
  });
}
