// What is done to a batch before and to its gradients after the passes: samples mixed in pairs, gradients bounded together. Names in a draft
// in, names out; refuses nothing.
import type { Draft } from './draft.ts';

/**
 * The global norm bounded: with n = √Σ dw² over all gradients, each becomes dw · min(1, limit/(n + 10⁻⁶)). Pascanu, Mikolov, Bengio 2013;
 * the small term as PyTorch has it.
 */
export function clipped(c: Draft, gradients: readonly string[], limit: string): readonly string[] {
  const squares = gradients.map((dw) =>
    c.sum(
      c.mul(dw, dw),
      c.shape(dw).map((_, axis) => axis),
    ),
  );
  const norm = c.emit('Sqrt', [squares.reduce((a, b) => c.plus(a, b))]);
  const factor = c.emit('Min', [c.div(limit, c.plus(norm, 1e-6)), 1]);
  return gradients.map((dw) => c.mul(dw, factor));
}

/** Mixup (Zhang et al. 2018): x + share·(partner − x). `share` is [batch], the others [batch, …]. */
export function mixed(c: Draft, x: string, partner: string, share: string): string {
  const [batch = 1, ...sample] = c.shape(x);
  const column = c.reshape(share, [batch, ...sample.map(() => 1)]);
  return c.plus(x, c.mul(c.sub(partner, x), column));
}
