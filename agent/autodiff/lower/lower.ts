// The forward pass of a tail, lowered before it is differentiated: chains over images become matrix products (see columns.ts), everything else
// stays as it is. Takes nodes in order, writes into a draft; the outputs are there under their own names.
import { reads } from '../../onnx/graph.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Draft } from '../draft.ts';
import { operatorOf } from '../operators.ts';
import { Lowering } from './columns.ts';

/** The same values as `for (const node of nodes) c.add(node)` under the names `outputs`, up to rounding. */
export function writeLowered(c: Draft, nodes: readonly Node[], outputs: readonly string[]): void {
  const lowering = new Lowering(c, nodes, outputs);
  for (const node of nodes) {
    if (lowering.isTaken(node) || operatorOf(node)?.lower?.(lowering, node) === true) continue;
    for (const name of reads(node)) lowering.plain(name);
    c.add(node);
  }
  for (const name of outputs) lowering.plain(name);
}
