// Optimizers as graph: what they remember of each parameter, what they need to know of each step, and the update itself. Everything that is
// the same for all elements is computed once for all steps before the loop, so that an update is few, large elementwise nodes.
import type { Draft } from './draft.ts';

export type OptimizerOptions =
  | { readonly kind: 'sgd'; readonly momentum: number /** Decoupled weight decay λ: w ← w·(1 − rate·λ). */; readonly decay: number }
  | {
      readonly kind: 'adamw';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      /** Decoupled weight decay λ: w ← w·(1 − rate·λ). */
      readonly decay: number;
    };

export const adamW: Extract<OptimizerOptions, { readonly kind: 'adamw' }> = {
  kind: 'adamw',
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  decay: 0,
};

/** Names of what is remembered of every parameter, each of the parameter's shape and zero at the start. */
export function stateSlots(options: OptimizerOptions): readonly string[] {
  if (options.kind === 'adamw') return ['m', 'v'];
  return options.momentum === 0 ? [] : ['v'];
}

/**
 * Names of vectors [steps], one number a step: `rate`, for AdamW `epsilon`, and `keep` = 1 − rate·λ where there is decay.
 * `rates` is [steps], and so is `t`, the number of each step, counted from 1 over all epochs.
 *
 * AdamW (Loshchilov, Hutter 2019) remembers M = m/(1 − β₁) and V = v/(1 − β₂), which saves two products an element. With
 * k = √((1 − β₂)/(1 − β₂ᵗ)) and rate′ = rate·(1 − β₁)/((1 − β₁ᵗ)·k):  rate·m̂/(√v̂ + ε) = rate′·M/(√V + ε/k).
 */
export function stepScalars(c: Draft, options: OptimizerOptions, rates: string, t: string): Readonly<Record<string, string>> {
  const keep: Record<string, string> = options.decay === 0 ? {} : { keep: c.sub(1, c.mul(rates, options.decay)) };
  if (options.kind === 'sgd') return { ...keep, rate: rates };
  // In double precision, because 1 − βᵗ loses half its digits at the first steps.
  const real = (value: number) => c.constant(`double(${value})`, { dtype: 'float64', dims: [], data: Float64Array.of(value) });
  const [rate64, t64] = [c.emit('Cast', [rates], { to: 11 }), c.emit('Cast', [t], { to: 11 })];
  const rest = (beta: number) => c.sub(real(1), c.emit('Pow', [real(beta), t64]));
  const k = c.emit('Sqrt', [c.div(real(1 - options.beta2), rest(options.beta2))]);
  const rate = c.div(c.mul(rate64, real(1 - options.beta1)), c.mul(rest(options.beta1), k));
  const back = (value: string) => c.emit('Cast', [value], { to: c.dtype === 'float32' ? 1 : 11 });
  return { ...keep, rate: back(rate), epsilon: back(c.div(real(options.epsilon), k)) };
}

/**
 * One update. `scalars` are this step's numbers of `stepScalars`; `keep` may also have the shape of w. Returns the new w and state.
 * SGD:    v ← μ·v + dw,  w ← keep·w − rate·v
 * AdamW:  M ← β₁·M + dw,  V ← β₂·V + dw²,  w ← keep·w − rate·M/(√V + ε)
 */
export function update(
  c: Draft,
  options: OptimizerOptions,
  w: string,
  dw: string,
  state: readonly string[],
  scalars: Readonly<Record<string, string>>,
): { readonly w: string; readonly state: readonly string[] } {
  const rate = scalars.rate as string;
  const kept = scalars.keep === undefined ? w : c.mul(w, scalars.keep);
  if (options.kind === 'sgd') {
    const [v] = state;
    const step = v === undefined ? dw : c.plus(c.mul(v, options.momentum), dw);
    return { w: c.sub(kept, c.mul(step, rate)), state: v === undefined ? [] : [step] };
  }
  const [m, v] = state as readonly [string, string];
  const nextM = c.plus(c.mul(m, options.beta1), dw);
  const nextV = c.plus(c.mul(v, options.beta2), c.mul(dw, dw));
  const step = c.div(nextM, c.plus(c.emit('Sqrt', [nextV]), scalars.epsilon as string));
  return { w: c.sub(kept, c.mul(step, rate)), state: [nextM, nextV] };
}
