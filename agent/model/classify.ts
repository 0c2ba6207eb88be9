// A tail at work: features → one probability a class. Takes any model that has the cut (the base, or a release's artifact) and runs what
// stands behind it; one sample at a time, for the reason that embed.ts gives.

import type { Model, Tensor } from '../onnx/ir.ts';
import { findCut } from '../onnx/surgery/cut.ts';
import { splitModel } from '../onnx/surgery/split.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Features } from './open.ts';
import { openPart } from './part.ts';

export interface TailRunner extends AsyncDisposable {
  classify(features: Float32Array): Promise<Classified>;
  close(): Promise<void>;
}

export interface Classified {
  /** What the model gives: logits, or whatever its last activation makes of them. */
  readonly output: Float32Array;
  /** In [0, 1]; they sum to 1 unless the model ends in a Sigmoid. */
  readonly probabilities: Float32Array;
}

/** `cut` is the tensor at which the base was cut; `activation` is that of its float tail. */
export async function openTail(
  model: Model,
  options: { readonly cut: string; readonly features: Features; readonly activation: FloatTail['activation']; readonly runtime: Runtime },
): Promise<TailRunner> {
  const { features, activation, runtime } = options;
  const { tail } = splitModel(model, findCut(model, { kind: 'tensor', tensor: options.cut }));
  const part = await openPart(runtime, tail, { label: 'the tail' });
  const [output = ''] = part.session.outputNames;
  const close = () => part.session.close();
  return {
    async classify(data) {
      const result = await part.session.run({ [features.name]: { dtype: 'float32', dims: features.shape, data } });
      const values = classScores((result[output] as Tensor).data as Float32Array);
      return { output: values, probabilities: toProbabilities(values, activation) };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What a model gives for one sample as one score a class: one score p alone is [1 − p, p]. */
export function classScores(output: Float32Array): Float32Array {
  const [score = 0] = output;
  return output.length === 1 ? Float32Array.of(1 - score, score) : Float32Array.from(output);
}

/** One vector of the model's outputs as probabilities. */
export function toProbabilities(output: Float32Array, activation: FloatTail['activation']): Float32Array {
  switch (activation) {
    case 'softmax':
    case 'sigmoid':
      return output;
    case 'log-softmax':
      return output.map(Math.exp);
    case 'none':
      return softmax(output);
  }
}

function softmax(logits: Float32Array): Float32Array {
  const largest = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const powers = logits.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
