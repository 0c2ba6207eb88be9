// What a model is, where it would be cut, whether the cut is exact, and what training the tail would take. Path and options in, a report out.
import { plainLoss } from '../autodiff/loss.ts';
import { type MemoryPlan, planMemory } from '../autodiff/memory.ts';
import { adamW } from '../autodiff/optimizers.ts';
import { bindFeatures } from '../autodiff/trainable.ts';
import { WhetError } from '../errors.ts';
import { classifierEnds } from '../onnx/classifier-ends.ts';
import { type CutWish, findCut } from '../onnx/cut.ts';
import { opsetOf, sizeOf, type Tensor, type ValueInfo } from '../onnx/ir.ts';
import { detectQuantization, type Quantization } from '../onnx/layers.ts';
import type { FloatTail } from '../onnx/tail.ts';
import type { Progress } from '../types.ts';
import { randomInputs, sampleShape } from './input.ts';
import { loadModel } from './load.ts';
import { type Proof, prove } from './proof.ts';

export interface InspectReport {
  readonly model: {
    readonly file: string;
    readonly sha256: string;
    readonly opset: number;
    readonly quantization: Quantization;
    readonly inputs: readonly ValueInfo[];
    readonly outputs: readonly ValueInfo[];
    readonly classes: number | null;
  };
  readonly cut: { readonly tensor: string; readonly shape: readonly number[]; readonly features: number; readonly note: string | null };
  readonly tail: {
    readonly layers: readonly { readonly op: string; readonly node: string; readonly weights: readonly string[] }[];
    readonly parameters: number;
  };
  readonly training: TrainingNeeds;
  readonly proof: Proof;
}

/** What training the tail by gradients takes: the learner's optimizer and largest batch, for so many samples. */
export type TrainingNeeds =
  | ({ readonly kind: 'planned' } & MemoryPlan)
  /** The tail holds something that has no gradient; the closed form may still learn its last layer. */
  | { readonly kind: 'untrainable'; readonly why: string };

export interface InspectOptions {
  readonly cut: CutWish;
  /** How many random inputs the proof takes, where none are given. */
  readonly samples: number;
  /** Real inputs, batch 1 each. */
  readonly inputs?: readonly Tensor[];
  /** Input shape as the model card makes it, where the model leaves height or width free. */
  readonly inputShape?: readonly number[];
  readonly threads: number;
  readonly progress?: Progress;
}

export async function inspect(path: string, options: InspectOptions): Promise<InspectReport> {
  const { model, sha256 } = loadModel(path);
  const { input, output } = classifierEnds(model);
  const cut = findCut(model, options.cut);
  const inputs = options.inputs ?? randomInputs(sampleShape(input, options.inputShape ?? null), options.samples);
  const { proof, tail, shape } = await prove(model, cut, inputs, options.threads, options.progress);
  const classes = output.shape?.at(-1);
  return {
    model: {
      file: path,
      sha256,
      opset: opsetOf(model),
      quantization: detectQuantization(model),
      inputs: model.graph.inputs,
      outputs: model.graph.outputs,
      classes: typeof classes === 'number' ? classes : (tail.head?.classes ?? null),
    },
    cut: { tensor: cut.tensor, shape, features: sizeOf(shape.slice(1)), note: cut.note },
    tail: {
      layers: cut.layers.map(({ node, weights }) => ({ op: node.op, node: node.name || (node.outputs[0] ?? ''), weights })),
      parameters: tail.parameters.reduce((sum, parameter) => sum + sizeOf(parameter.dims), 0),
    },
    training: trainingNeeds(tail, shape.slice(1), typeof classes === 'number' ? classes : (tail.head?.classes ?? 1)),
    proof,
  };
}

const planned = { batch: 32, samples: 1000 };

function trainingNeeds(tail: FloatTail, sample: readonly number[], classes: number): TrainingNeeds {
  try {
    const options = { batch: planned.batch, loss: plainLoss(classes), optimizer: adamW };
    return { kind: 'planned', ...planMemory(bindFeatures(tail, sample), options, { samples: planned.samples, courses: 1 }) };
  } catch (error) {
    if (error instanceof WhetError && (error.code === 'operator-unsupported' || error.code === 'model-unsupported'))
      return { kind: 'untrainable', why: error.message };
    throw error;
  }
}
