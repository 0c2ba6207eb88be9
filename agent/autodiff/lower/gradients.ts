// The gradients of clipping activations in the form that lowered steps take: the gradient times a mask of zeros and ones. A choice element
// by element (Where) is the slowest thing that the runtime does to a large matrix, and a gradient that is the same all over an image (behind a
// mean) needs not be spread before it is masked.
import type { Draft } from '../draft.ts';
import type { Gradient } from '../operator.ts';

/** dx = dy·[condition] */
function masked(c: Draft, dy: string, condition: string): string {
  const mask = c.emit('Cast', [condition], { to: c.dtype === 'float32' ? 1 : 11 });
  const shape = c.shape(dy);
  const spread = spreadOf(c, dy);
  return spread === null ? c.mul(dy, mask) : c.reshape(c.mul(spread.narrow, c.reshape(mask, spread.shape)), shape);
}

/** What an Expand repeats to get the value, perhaps in another shape; null where the value is not of that kind. */
function spreadOf(c: Draft, value: string): { readonly narrow: string; readonly shape: readonly number[] } | null {
  const node = c.producer(value);
  if (node?.op === 'Reshape') return spreadOf(c, node.inputs[0] as string);
  return node?.op === 'Expand' ? { narrow: node.inputs[0] as string, shape: c.shape(value) } : null;
}

/** f = max(x, 0):  dx = dy·[y > 0]; x itself is not needed any more. */
export const relu: Gradient = (c, node, dy) => [masked(c, dy, c.greater(node.outputs[0] as string, 0))];

/** f = clip(x, lo, hi):  dx = dy·[lo ≤ x ≤ hi] = dy·[x = y]. */
export const clip: Gradient = (c, node, dy) => {
  const dx = masked(c, dy, c.emit('Equal', [node.inputs[0] as string, node.outputs[0] as string]));
  return node.inputs.map((_, index) => (index === 0 ? dx : null));
};
