// What a model is, where it would be cut, whether the cut is exact, and what training the tail would take. Path and options in, a report out.

import { plainLoss } from '../autodiff/loss.ts';
import { type MemoryPlan, planMemory } from '../autodiff/memory.ts';
import { adamW } from '../autodiff/optimizers.ts';
import { bindFeatures } from '../autodiff/trainable.ts';
import { classNames } from '../config/labels.ts';
import { WhetError } from '../errors.ts';
import type { Range } from '../onnx/forms/activation-scale.ts';
import type { Quantization } from '../onnx/forms/form.ts';
import { opsetOf, sizeOf, type Tensor, type ValueInfo } from '../onnx/ir.ts';
import { classifierEnds, withOutput } from '../onnx/surgery/classifier-ends.ts';
import { type CutWish, findCut } from '../onnx/surgery/cut.ts';
import { detectQuantization } from '../onnx/surgery/layers.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import { asTwoClasses } from '../onnx/surgery/two-classes.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Progress } from '../types.ts';
import { requireBounded } from './bounds.ts';
import { proofInputs, sampleShape } from './input.ts';
import { cardContradiction } from './input-range.ts';
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
    /** Of a model of one score it is two; null where the outputs are no classes. */
    readonly classes: number | null;
  };
  /** What the outputs are: scores of classes that exclude each other, one score of yes and no, several of these, or numbers of another kind. */
  readonly answers: Answers;
  readonly cut: { readonly tensor: string; readonly shape: readonly number[]; readonly features: number; readonly note: string | null };
  readonly tail: {
    readonly layers: readonly { readonly op: string; readonly node: string; readonly weights: readonly string[] }[];
    readonly parameters: number;
  };
  readonly training: TrainingNeeds;
  readonly proof: Proof;
}

export type Answers = 'classes' | 'one-score' | 'scores' | 'quantities';

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
  /** Values that the card makes; the proof draws from them where the model says no range. */
  readonly inputRange?: Range | null;
  /** What the card says that the outputs are. */
  readonly task?: 'classification' | 'regression' | 'anomaly';
  /** Names of the classes on the card. */
  readonly labels?: readonly string[];
  /** The output that holds the scores, where there are several. */
  readonly output?: string;
  readonly note?: (sentence: string) => void;
  readonly runtime: Runtime;
  readonly progress?: Progress;
}

export async function inspect(path: string, options: InspectOptions): Promise<InspectReport> {
  const { model: whole, sha256 } = loadModel(path);
  const model = withOutput(whole, options.output);
  const { input } = classifierEnds(model);
  const dims = sampleShape(input, options.inputShape ?? null);
  requireBounded(model, input, dims);
  const cut = findCut(model, options.cut);
  const inputs = options.inputs ?? proofInputs(model, input, dims, options.samples, options.inputRange ?? null);
  const contradiction = cardContradiction(model, input, options.inputRange ?? null);
  if (contradiction !== null) options.note?.(`${contradiction}.`);
  const { proof, tail, shape, output } = await prove(model, cut, inputs, options.runtime, options.progress);
  const answers = answersOf(tail, output, options.task ?? 'classification');
  const classes = answers === 'quantities' ? null : answers === 'one-score' ? 2 : sizeOf(output);
  if (classes !== null) classNames(options.labels ?? [], classes);
  return {
    model: {
      file: path,
      sha256,
      opset: opsetOf(model),
      quantization: detectQuantization(model),
      inputs: whole.graph.inputs,
      outputs: whole.graph.outputs,
      classes,
    },
    answers,
    cut: { tensor: cut.tensor, shape, features: sizeOf(shape.slice(1)), note: cut.note },
    tail: {
      layers: cut.layers.map(({ node, weights }) => ({ op: node.op, node: node.name || (node.outputs[0] ?? ''), weights })),
      parameters: tail.parameters.reduce((sum, parameter) => sum + sizeOf(parameter.dims), 0),
    },
    training: trainingNeeds(answers === 'one-score' ? asTwoClasses(tail) : tail, shape.slice(1), classes),
    proof,
  };
}

/** `output`: shape of what the model gives for one sample. */
function answersOf({ activation }: FloatTail, output: readonly number[], task: NonNullable<InspectOptions['task']>): Answers {
  if (task !== 'classification') return 'quantities';
  if (sizeOf(output) === 1) return activation === 'sigmoid' ? 'one-score' : 'quantities';
  return activation === 'sigmoid' ? 'scores' : 'classes';
}

const planned = { batch: 32, samples: 1000 };

function trainingNeeds(tail: FloatTail, sample: readonly number[], classes: number | null): TrainingNeeds {
  if (classes === null)
    return { kind: 'untrainable', why: 'its outputs are quantities, which `whet adapt --task regression` learns in closed form' };
  try {
    const options = { batch: planned.batch, loss: plainLoss(classes), optimizer: adamW };
    return { kind: 'planned', ...planMemory(bindFeatures(tail, sample), options, { samples: planned.samples, courses: 1 }) };
  } catch (error) {
    if (error instanceof WhetError && (error.code === 'operator-unsupported' || error.code === 'model-unsupported'))
      return { kind: 'untrainable', why: error.message };
    throw error;
  }
}
