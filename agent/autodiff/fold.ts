// Computes shape arithmetic while a graph is written: constants, and the chains (Shape → Gather → Concat …) that exporters put before a
// Reshape, an Expand or a Resize. Only small values; everything else comes back as null and stays a node.

import { type Node, sizeOf, type Tensor } from '../onnx/ir.ts';
import type { Draft } from './draft.ts';
import { absent, type Folder, isExact, longestShape, type Small, smallOf, tensorOf } from './fold/small.ts';
import type { ShapeSource } from './operator.ts';
import { operatorOf } from './operators.ts';

/** How an operator is computed while a graph is written. */
export type Fold =
  /** Its inputs need not be known. */
  | { readonly kind: 'known'; readonly of: (node: Node, source: ShapeSource) => Tensor | null }
  /** Moves elements of constants, whatever they are. */
  | { readonly kind: 'moved'; readonly of: Folder }
  /** Computes with them: an integer must not stand for another one. */
  | { readonly kind: 'computed'; readonly of: Folder };

/** The value of a node whose inputs are all small constants, or of a Constant or Shape node; otherwise null. */
export function foldConstant(node: Node, draft: Draft): Tensor | null {
  const { fold, shape } = operatorOf(node) ?? {};
  if (fold === undefined) return null;
  if (fold.kind === 'known') return fold.of(node, draft);
  if (node.outputs.length !== 1) return null;
  const computes = fold.kind === 'computed';
  const inputs: Small[] = [];
  for (const name of node.inputs) {
    const value = name === '' ? absent : smallOf(draft.known(name));
    if (value === null || (computes && !isExact(value))) return null;
    inputs.push(value);
  }
  const dims = shape?.(node, draft)[0] ?? null;
  if (dims !== null && sizeOf(dims) > longestShape) return null;
  const result = fold.of(node, inputs, dims, draft);
  if (result === null || result.values.length > longestShape || (computes && !isExact(result))) return null;
  return tensorOf(result);
}
