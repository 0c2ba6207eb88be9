// The backbone at work: one sample's input tensor → its features. One sample at a time, because DynamicQuantizeLinear takes one scale for a
// whole batch and so would let samples change each other.

import type { Tensor } from '../onnx/ir.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Classifier } from './open.ts';
import { openPart } from './part.ts';

export interface Embedder extends AsyncDisposable {
  /** `input` has the elements of `Classifier.input.shape`; gives `features.width` numbers in an array of its own. */
  embed(input: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

export async function createEmbedder(classifier: Pick<Classifier, 'backbone' | 'features' | 'input'>, runtime: Runtime): Promise<Embedder> {
  const { input, features } = classifier;
  const part = await openPart(runtime, classifier.backbone, { label: 'the backbone' });
  const close = () => part.session.close();
  return {
    async embed(data) {
      const result = await part.session.run({ [input.name]: { dtype: 'float32', dims: input.shape, data } });
      return Float32Array.from((result[features.name] as Tensor).data as Float32Array);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
