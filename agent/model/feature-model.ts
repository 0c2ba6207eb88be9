// The frozen part of any model that ends in a linear layer: everything up to what that layer reads, as one vector a sample. Needs no classes, so
// it serves heads of every kind. Refuses models that end otherwise, and tensors that are not one vector a sample.

import { WhetError } from '../errors.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import { type Model, sizeOf, type Tensor } from '../onnx/ir.ts';
import { classifierEnds } from '../onnx/surgery/classifier-ends.ts';
import { findCut } from '../onnx/surgery/cut.ts';
import { listLayers } from '../onnx/surgery/layers.ts';
import { splitModel } from '../onnx/surgery/split.ts';
import { view } from '../onnx/view.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { requireBounded } from './bounds.ts';
import type { Embedder } from './embed.ts';
import { createEmbedder } from './embed.ts';
import { randomInputs, sampleShape } from './input.ts';
import { openPart } from './part.ts';

export interface FeatureModel {
  /** Input → features [n, width], float32; in the form and at the opset of the model. */
  readonly backbone: Model;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  readonly features: { readonly name: string; readonly width: number };
}

/** `cut` names the tensor of the features; what the last layer reads unless told. */
export async function openFeatureModel(
  model: Model,
  options: { readonly cut: string | null; readonly runtime: Runtime; readonly inputShape: readonly number[] },
): Promise<FeatureModel> {
  const { input } = classifierEnds(model);
  const shape = sampleShape(input, options.inputShape);
  requireBounded(model, input, shape);
  const tensor = options.cut ?? headInput(model);
  const { backbone, features } = splitModel(model, findCut(model, { kind: 'tensor', tensor }));
  const [sample] = randomInputs(shape, 1);
  await using part = await openPart(options.runtime, backbone, { label: 'the backbone' });
  const value = (await part.session.run({ [input.name]: sample as Tensor }, [features]))[features] as Tensor;
  if (value.dtype !== 'float32' || value.dims.length !== 2 || value.dims[0] !== 1)
    throw new WhetError(
      'model-unsupported',
      `tensor '${tensor}' is ${value.dtype} [${value.dims}] for one sample, not a vector [1, width]`,
      {
        hint: 'Name the tensor behind the pooling and Flatten with --cut.',
      },
    );
  return { backbone, input: { name: input.name, shape }, features: { name: features, width: sizeOf(value.dims) } };
}

export function embedderOf({ backbone, input, features }: FeatureModel, runtime: Runtime): Promise<Embedder> {
  const { name, width } = features;
  return createEmbedder({ backbone: encodeModel(backbone), input, features: { name, width, shape: [1, width] } }, runtime);
}

/** What the last layer with weights reads; behind a quantizer that makes its scale as it goes, what that one reads. */
function headInput(model: Model): string {
  const [last] = listLayers(model);
  if (last === undefined) throw new WhetError('model-unsupported', 'the model has no layer with weights');
  const { graph } = model;
  const seen = view(graph);
  const [first = '', second = ''] = last.node.inputs;
  const isConstant = (name: string): boolean => {
    const producer = seen.producer(name);
    return producer === undefined ? graph.initializers.has(name) : producer.op === 'Constant' || producer.inputs.every(isConstant);
  };
  const name = isConstant(first) ? second : first;
  const producer = seen.producer(name);
  return producer?.op === 'DynamicQuantizeLinear' ? (producer.inputs[0] ?? '') : name;
}
