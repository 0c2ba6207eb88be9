// The loss of a classifier, with its gradient in closed form: cross-entropy of logits against labels, smoothed and weighted, mixed with
// distillation from base logits; and the squared distance to base weights (L2-SP). Refuses nothing: numbers are checked by their owner.
import { ints } from '../onnx/build.ts';
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
  /** [n, classes] */
  readonly targets: string;
  /** [n, 1] */
  readonly weights: string;
  readonly temperature: number;
}

/**
 * Targets of all samples, before the loop: `labels` int64 [n], `weights` [n], with distillation `teacher` logits [n, classes] and `share`
 * [n] in [0, 1]. With smoothed labels q and ω the sample's weight times its class's, over batch · mean ω, a sample's loss is
 *   ω·((1 − share)·H(q, p) + share·T²·H(softmax(teacher/T), softmax(z/T)))      (Hinton, Vinyals, Dean 2015)
 * and a batch's loss is the sum over its samples: the weighted mean, if batches are alike.
 */
export function lossTerms(
  c: Draft,
  inputs: { readonly labels: string; readonly weights: string; readonly teacher?: string; readonly share?: string },
  batch: number,
  options: LossOptions,
): readonly LossTerm[] {
  const { classes, smoothing, distillation } = options;
  const spread = smoothing / (options.kind === 'softmax' ? classes : 2);
  const offOn = c.constant('smoothed', { dtype: c.dtype, dims: [2], data: pair(c, spread, 1 - smoothing + spread) });
  const labelled = c.emit('OneHot', [inputs.labels, c.constant('classes', ints([classes], [])), offOn]);
  const weights = relativeWeights(c, inputs, batch, options);
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

/**
 * Loss (a scalar) and gradient of one batch. With u = z/T, weights ω and targets t (= ω·q):
 * softmax: loss = −Σ t·ln softmax(u),         dz = (ω·softmax(u) − t)/T
 * sigmoid: loss = Σ ω·ln(1 + eᵘ) − t·u,       dz = (ω·σ(u) − t)/T
 */
export function lossOfBatch(
  c: Draft,
  logits: string,
  terms: readonly LossTerm[],
  kind: LossOptions['kind'],
): { readonly loss: string; readonly dlogits: string } {
  const parts = terms.map(({ targets, weights, temperature }) => {
    const u = temperature === 1 ? logits : c.mul(logits, 1 / temperature);
    const logP = kind === 'softmax' ? c.emit('LogSoftmax', [u]) : null;
    const p = logP === null ? c.emit('Sigmoid', [u]) : c.exp(logP);
    const du = c.sub(c.mul(p, weights), targets);
    const each = logP === null ? c.sub(c.mul(c.emit('Softplus', [u]), weights), c.mul(targets, u)) : c.neg(c.mul(targets, logP));
    return { loss: c.sum(each, [0, 1]), dlogits: temperature === 1 ? du : c.mul(du, 1 / temperature) };
  });
  return parts.reduce((a, b) => ({ loss: c.plus(a.loss, b.loss), dlogits: c.plus(a.dlogits, b.dlogits) }));
}

/** L2-SP (Li, Grandvalet, Davoine 2018):  loss = α/2·Σ(w − w₀)²,  dw = α·(w − w₀). */
export function anchorLoss(c: Draft, w: string, base: string, alpha: number): { readonly loss: string; readonly dw: string } {
  const away = c.sub(w, base);
  const axes = c.shape(w).map((_, axis) => axis);
  return { loss: c.mul(c.sum(c.mul(away, away), axes), alpha / 2), dw: c.mul(away, alpha) };
}

/** Weight of each sample over batch · mean weight, [n, 1]. */
function relativeWeights(
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
  return column(c, c.div(weights, c.mul(mean, batch)));
}

function column(c: Draft, vector: string): string {
  return c.emit('Unsqueeze', [vector, c.ints([1])]);
}

function pair(c: Draft, a: number, b: number): Float32Array | Float64Array {
  return c.dtype === 'float32' ? Float32Array.of(a, b) : Float64Array.of(a, b);
}
