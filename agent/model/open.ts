// A model, opened for training and prediction: where it is cut, its frozen backbone, its tail in both forms, and what the features are.
// Refuses what is not a classifier of one input and one [batch, classes] output (or one score), and cuts that do not exist.

import { createHash } from 'node:crypto';
import { WhetError } from '../errors.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import { dequantizeTail } from '../onnx/forms/dequantize.ts';
import { type Model, nodeKey, sizeOf, type Tensor } from '../onnx/ir.ts';
import { is } from '../onnx/operator-traits.ts';
import { classifierEnds } from '../onnx/surgery/classifier-ends.ts';
import { type Cut, type CutWish, findCut } from '../onnx/surgery/cut.ts';
import { type SplitModel, splitModel } from '../onnx/surgery/split.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import { asTwoClasses } from '../onnx/surgery/two-classes.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { requireBounded } from './bounds.ts';
import { randomInputs, sampleShape } from './input.ts';
import { openPart } from './part.ts';

export interface OpenOptions {
  readonly cut: CutWish;
  readonly runtime: Runtime;
  /** Input shape with a batch of 1, as the model card makes it; needed where the model leaves height or width free. */
  readonly inputShape?: readonly number[];
}

export interface Classifier {
  readonly model: Model;
  readonly cut: Cut;
  /** The frozen part as ONNX bytes. */
  readonly backbone: Uint8Array;
  /** sha256 of those bytes: features of another backbone are other features. */
  readonly backboneHash: string;
  /** Features → output, float, trainable. */
  readonly tail: FloatTail;
  /** Features → output, as the model has it. */
  readonly tailQuantized: Model;
  readonly features: Features;
  /** Length of the output vector; 2 where the model gives one score. */
  readonly classes: number;
  readonly input: { readonly name: string; readonly shape: readonly number[] };
}

export interface Features {
  /** Name of the tensor between backbone and tail. */
  readonly name: string;
  /** Shape of one sample, with a batch of 1. */
  readonly shape: readonly number[];
  /** Numbers in one sample. */
  readonly width: number;
}

export async function openClassifier(model: Model, options: OpenOptions): Promise<Classifier> {
  const { input, output } = classifierEnds(model);
  const shape = sampleShape(input, options.inputShape ?? null);
  requireBounded(model, input, shape);
  const cut = findCut(model, options.cut);
  const split = splitModel(model, cut);
  const backbone = encodeModel(split.backbone);
  const [sample] = randomInputs(shape, 1);
  const features = await runOnce(backbone, 'the backbone', options.runtime, input.name, sample as Tensor, split.features);
  if (features.dtype !== 'float32' || features.dims[0] !== 1)
    throw new WhetError('cut-impossible', `tensor '${cut.tensor}' is ${features.dtype} [${features.dims}], not float32 [batch, …]`, {
      hint: 'Name another cut with --cut; `whet inspect` lists those that work.',
    });
  const given = await explained(
    split.tail,
    runOnce(encodeModel(split.tail), 'the tail', options.runtime, split.features, features, output.name),
  );
  const { tail, classes } = trainable(split, given);
  return {
    model,
    cut,
    backbone,
    backboneHash: createHash('sha256').update(backbone).digest('hex'),
    tail: withInputShape(tail, features.dims),
    tailQuantized: split.tail,
    features: { name: split.features, shape: features.dims, width: sizeOf(features.dims) },
    classes,
    input: { name: input.name, shape },
  };
}

async function runOnce(bytes: Uint8Array, label: string, runtime: Runtime, input: string, x: Tensor, output: string): Promise<Tensor> {
  await using part = await openPart(runtime, bytes, { label });
  return (await part.session.run({ [input]: x }, [output]))[output] as Tensor;
}

/** A run that fails behind a node whose size depends on the sample: the model is at fault, not the runtime (`operator-unsupported`). */
async function explained<T>({ graph }: Model, run: Promise<T>): Promise<T> {
  try {
    return await run;
  } catch (error) {
    const node = graph.nodes.find((each) => is(each, 'sized-by-data'));
    if (node === undefined || !(error instanceof WhetError)) throw error;
    const why = `${node.op} '${node.name || nodeKey(node)}' gives as much as it finds in a sample, and the model does not take every size`;
    throw new WhetError('operator-unsupported', why, {
      hint: 'Export the model without this operator: what is trained must have the same size for every sample.',
      cause: error,
    });
  }
}

/**
 * The float tail, now that it is known what the model gives for one sample. One score behind a sigmoid is two classes. Throws
 * `model-unsupported` for a single number that is no score, and for more than a vector.
 */
function trainable(split: SplitModel, given: Tensor): { readonly tail: FloatTail; readonly classes: number } {
  const classes = sizeOf(given.dims);
  const isVector = given.dims[0] === 1 && given.dims.filter((dim) => dim !== 1).length <= 1;
  if (!isVector)
    throw new WhetError('model-unsupported', `the model's output for one sample is [${given.dims}], not [1, classes]`, {
      hint: 'Whetstone adapts classifiers that give one score a class; a map or a sequence of scores cannot be adapted.',
    });
  const { graph } = split.tail;
  const outputs = graph.outputs.map((info) => ({ ...info, shape: ['batch', ...given.dims.slice(1)] }));
  const tail = dequantizeTail({ ...split.tail, graph: { ...graph, outputs } }, split.values);
  if (classes > 1) return { tail, classes };
  if (tail.activation === 'sigmoid') return { tail: asTwoClasses(tail), classes: 2 };
  throw new WhetError(
    'model-unsupported',
    `the model's output for one sample is [${given.dims}], not [1, classes]: one number without a sigmoid is a quantity, not a score`,
    {
      hint: 'Teach quantities with `whet adapt --task regression`; a classifier of yes and no must be exported with its sigmoid.',
    },
  );
}

/** What the run showed: training needs every dimension but the batch. */
function withInputShape(tail: FloatTail, dims: readonly number[]): FloatTail {
  const inputs = tail.model.graph.inputs.map((info) => ({ ...info, shape: ['batch', ...dims.slice(1)] }));
  return { ...tail, model: { ...tail.model, graph: { ...tail.model.graph, inputs } } };
}
