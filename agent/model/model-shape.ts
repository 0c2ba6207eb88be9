// What a model file tells of itself without being run: the shape of its input and the number of its outputs. Refuses what is no classifier.
import type { ModelShape } from '../config/card.ts';
import { classifierEnds } from '../onnx/surgery/classifier-ends.ts';
import { loadModel } from './load.ts';

export function modelShape(path: string): ModelShape {
  const { input, output } = classifierEnds(loadModel(path).model);
  const last = output.shape?.at(-1);
  return { input: input.shape ?? [], ...(typeof last === 'number' && last > 1 ? { classes: last } : {}) };
}
