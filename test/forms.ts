// Every form a classifier comes in, as a list for `it.each`: float, QDQ, QOperator and dynamic, per tensor and per channel, at old and new opsets.
import type { Model, Tensor } from '../agent/onnx/ir.ts';
import { floatClassifier, type ModelWish, sampleInputs } from './models.ts';
import { type QuantizerWish, quantize } from './quantizers.ts';

export interface Form {
  readonly title: string;
  readonly wish: ModelWish;
  readonly quantizer: QuantizerWish | null;
}

/** Oldest opset that each form can be written in. */
const variants: readonly { readonly name: string; readonly since: number; readonly quantizer: QuantizerWish | null }[] = [
  { name: 'fp32', since: 7, quantizer: null },
  { name: 'QDQ per tensor', since: 10, quantizer: { form: 'qdq', perChannel: false } },
  { name: 'QDQ per channel', since: 13, quantizer: { form: 'qdq', perChannel: true } },
  { name: 'QDQ per channel, int8 activations', since: 13, quantizer: { form: 'qdq', perChannel: true, activations: 'int8' } },
  { name: 'QDQ with float weights stored', since: 13, quantizer: { form: 'qdq', perChannel: true, fake: true } },
  { name: 'QOperator per tensor', since: 10, quantizer: { form: 'qoperator', perChannel: false } },
  { name: 'QOperator per channel', since: 10, quantizer: { form: 'qoperator', perChannel: true } },
  { name: 'QOperator, uint8 weights', since: 10, quantizer: { form: 'qoperator', perChannel: false, weights: 'uint8' } },
  { name: 'dynamic per tensor', since: 11, quantizer: { form: 'dynamic', perChannel: false } },
  { name: 'dynamic per channel', since: 11, quantizer: { form: 'dynamic', perChannel: true } },
  { name: 'dynamic, uint8 weights', since: 11, quantizer: { form: 'dynamic', perChannel: false, weights: 'uint8' } },
];

/** The newest opset that onnxruntime-node 1.30 takes. */
export const newestOpset = 26;

export function forms(opsets: readonly number[], kinds: readonly ModelWish['kind'][] = ['mlp', 'conv']): readonly Form[] {
  return opsets.flatMap((opset) =>
    kinds.flatMap((kind) =>
      variants
        .filter(({ since }) => opset >= since)
        // Softmax at the end of every second one, so that both endings meet every form.
        .map(({ name, quantizer }, at) => {
          const softmax = (at + opset + (kind === 'mlp' ? 1 : 0)) % 2 === 0;
          return { title: `${kind}, opset ${opset}, ${name}${softmax ? ', softmax' : ''}`, wish: { kind, opset, softmax }, quantizer };
        }),
    ),
  );
}

export const calibrationInputs = (wish: ModelWish): readonly Tensor[] => sampleInputs(wish, 40);

export async function modelOf({ wish, quantizer }: Form): Promise<Model> {
  const float = floatClassifier(wish);
  return quantizer === null ? float : quantize(float, quantizer, calibrationInputs(wish));
}
