// Merges tables that are written by family into one. An operator that two families claim is an error, whatever the order of imports.
import { WhetError } from '../errors.ts';
import type { Node } from '../onnx/ir.ts';

/** Key of an operator in every table: its name, with its domain before it unless that is ai.onnx. */
export function operatorKey(node: Pick<Node, 'op' | 'domain'>): string {
  return node.domain === '' ? node.op : `${node.domain}:${node.op}`;
}

export function mergeFamilies<T>(what: string, families: readonly Readonly<Record<string, T>>[]): ReadonlyMap<string, T> {
  const merged = new Map<string, T>();
  for (const [key, entry] of families.flatMap((family) => Object.entries(family))) {
    if (merged.has(key)) throw new WhetError('internal', `two families of ${what} claim the operator '${key}'`);
    merged.set(key, Object.freeze(entry));
  }
  return merged;
}
