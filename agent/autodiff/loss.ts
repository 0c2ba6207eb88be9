// The loss of a classifier, with its gradient in closed form: cross-entropy of logits against labels, smoothed and weighted, mixed with
// distillation from base logits; and the squared distance to base weights (L2-SP). Refuses nothing: numbers are checked by their owner.
import { ints } from '../onnx/made/build.ts';
import type { Draft } from './draft.ts';

export interface LossOptions {
  /** 'softmax': one class a sample. 'sigmoid': every class for itself, for models that end so. */
  readonly kind: 'softmax' | 'sigmoid';
  readonly classes: number;
  /** Label smoothing ε in [0, 1): the share of a label that is spread over all classes. */
  readonly smoothing: number;
  /** Importance of each class; null: 1 each. */
  readonly classWeights: readonly number[] | null;
  /** Distillation from base logits at a temperature > 0; null: none. Its share is an input, one number a sample. */
  readonly distillation: { readonly temperature: number } | null;
  /** L2-SP: strength α of α/2·Σ(w − w₀)²; 0: none. */
  readonly anchor: number;
}

export const plainLoss = (classes: number): LossOptions => ({
  kind: 'softmax',
  classes,
  smoothing: 0,
  classWeights: null,
  distillation: null,
  anchor: 0,
});

/** One cross-entropy of the loss: rows of targets, already multiplied by the row's weight, and those weights. */
export interface LossTerm {
  /** [steps, batch, classes] */
  readonly targets: string;
  /** [steps, batch, 1] */
  readonly weights: string;
  readonly temperature: number;
}

/** What a step needs of the terms for its gradient: of each the weights over its temperature, and what is subtracted, for all terms together. */
export interface Slopes {
  /** [steps, batch, 1], one a term. */
  readonly weights: readonly string[];
  /** [steps, batch, classes] */
  readonly targets: string;
}

/**
 * Targets of every step, before the first: `labels` int64 [steps, batch], `weights` [steps, batch], with distillation `teacher` logits
 * [steps, batch, classes] and `share` [steps, batch] in [0, 1]. With smoothed labels q and ω a sample's weight, a sample's loss is
 *   ω·((1 − share)·H(q, p) + share·T²·H(softmax(teacher/T), softmax(z/T)))      (Hinton, Vinyals, Dean 2015)
 * and a batch's loss is the sum over its samples: the weighted mean, if batches are alike and `weights` are those of `relativeWeights`.
 */
export function lossTerms(
  c: Draft,
  inputs: { readonly labels: string; readonly weights: string; readonly teacher?: string; readonly share?: string },
  options: LossOptions,
): readonly LossTerm[] {
  const { classes, smoothing, distillation } = options;
  const spread = smoothing / (options.kind === 'softmax' ? classes : 2);
  const offOn = c.constant('smoothed', { dtype: c.dtype, dims: [2], data: pair(c, spread, 1 - smoothing + spread) });
  const labelled = c.emit('OneHot', [inputs.labels, c.constant('classes', ints([classes], [])), offOn]);
  const weights = column(c, inputs.weights);
  if (distillation === null || inputs.teacher === undefined || inputs.share === undefined) {
    return [{ targets: c.mul(labelled, weights), weights, temperature: 1 }];
  }
  const { temperature } = distillation;
  const softened = c.emit(options.kind === 'softmax' ? 'Softmax' : 'Sigmoid', [c.mul(inputs.teacher, 1 / temperature)]);
  const share = column(c, inputs.share);
  const own = c.mul(weights, c.sub(1, share));
  const taught = c.mul(weights, c.mul(share, temperature ** 2));
  const [ownTargets, taughtTargets] = [c.mul(labelled, own), c.mul(softened, taught)];
  // At the same temperature the two are one cross-entropy against mixed targets.
  if (temperature === 1) return [{ targets: c.plus(ownTargets, taughtTargets), weights, temperature }];
  return [
    { targets: ownTargets, weights: own, temperature: 1 },
    { targets: taughtTargets, weights: taught, temperature },
  ];
}

/** Of all steps at once, so that a step is as few nodes as can be. */
export function slopesOf(c: Draft, terms: readonly LossTerm[]): Slopes {
  const cooled = (name: string, temperature: number) => (temperature === 1 ? name : c.mul(name, 1 / temperature));
  return {
    weights: terms.map(({ weights, temperature }) => cooled(weights, temperature)),
    targets: terms.map(({ targets, temperature }) => cooled(targets, temperature)).reduce((a, b) => c.plus(a, b)),
  };
}

/**
 * Gradient of one batch's loss with respect to its logits [batch, classes]; `slopes` are this step's. With u = z/T, weights ω, targets t (= ω·q)
 * and p = softmax(u), or of the sigmoid kind σ(u):  dz = Σ (ω·p − t)/T over the terms.
 */
export function logitGradient(c: Draft, logits: string, terms: readonly LossTerm[], slopes: Slopes, kind: LossOptions['kind']): string {
  const expected = terms.map(({ temperature }, index) => {
    const p = c.emit(kind === 'softmax' ? 'Softmax' : 'Sigmoid', [temperature === 1 ? logits : c.mul(logits, 1 / temperature)]);
    return c.mul(p, slopes.weights[index] as string);
  });
  return c.sub(
    expected.reduce((a, b) => c.plus(a, b)),
    slopes.targets,
  );
}

/**
 * Loss of every step [steps], after the last: `logits` [steps, batch, classes]. Softmax: −Σ t·ln p.  Sigmoid: Σ ω·ln(1 + eᵘ) − t·u.
 */
export function lossOfSteps(c: Draft, logits: string, terms: readonly LossTerm[], kind: LossOptions['kind']): string {
  const parts = terms.map(({ targets, weights, temperature }) => {
    const u = temperature === 1 ? logits : c.mul(logits, 1 / temperature);
    if (kind === 'softmax') return c.neg(c.sum(c.mul(targets, c.emit('LogSoftmax', [u])), [1, 2]));
    return c.sum(c.sub(c.mul(c.emit('Softplus', [u]), weights), c.mul(targets, u)), [1, 2]);
  });
  return parts.reduce((a, b) => c.plus(a, b));
}

/** L2-SP (Li, Grandvalet, Davoine 2018):  loss = α/2·Σ(w − w₀)²,  dw = α·(w − w₀). Gives dw and Σ(w − w₀)². */
export function anchorTerm(c: Draft, w: string, base: string, alpha: number): { readonly dw: string; readonly squares: string } {
  const away = c.sub(w, base);
  return { dw: c.mul(away, alpha), squares: c.emit('ReduceSumSquare', [away], { keepdims: 0 }) };
}

/** Weight of each sample, times its class's, over batch · mean, [n]. `labels` int64 [n], `weights` [n]. */
export function relativeWeights(
  c: Draft,
  inputs: { readonly labels: string; readonly weights: string },
  batch: number,
  { classWeights }: LossOptions,
): string {
  let weights = inputs.weights;
  if (classWeights !== null) {
    const data = c.dtype === 'float32' ? Float32Array.from(classWeights) : Float64Array.from(classWeights);
    const table = c.constant('class-weights', { dtype: c.dtype, dims: [classWeights.length], data });
    weights = c.mul(weights, c.emit('Gather', [table, inputs.labels]));
  }
  const mean = c.emit('ReduceMean', [weights], { keepdims: 0 });
  return c.div(weights, c.mul(mean, batch));
}

function column(c: Draft, vector: string): string {
  return c.emit('Unsqueeze', [vector, c.ints([-1])]);
}

function pair(c: Draft, a: number, b: number): Float32Array | Float64Array {
  return c.dtype === 'float32' ? Float32Array.of(a, b) : Float64Array.of(a, b);
}
