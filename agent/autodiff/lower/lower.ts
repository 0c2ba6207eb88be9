// The forward pass of a tail, lowered before it is differentiated: chains over images become matrix products (see columns.ts), everything else
// stays as it is. Takes nodes in order, writes into a draft; the outputs are there under their own names.
import { reads } from '../../onnx/graph.ts';
import type { Node } from '../../onnx/ir.ts';
import type { Draft } from '../draft.ts';
import { mergeFamilies, operatorKey } from '../families.ts';
import { Lowering, type LoweringRule } from './columns.ts';
import { convolutionLowerings } from './convolution.ts';
import { elementwiseLowerings } from './elementwise.ts';
import { linearLowerings } from './linear.ts';
import { movementLowerings } from './movement.ts';
import { normalizationLowerings } from './normalization.ts';
import { spatialLowerings } from './spatial.ts';

export const lowerings: ReadonlyMap<string, LoweringRule> = mergeFamilies('lowerings', [
  convolutionLowerings,
  elementwiseLowerings,
  linearLowerings,
  movementLowerings,
  normalizationLowerings,
  spatialLowerings,
]);

/** The same values as `for (const node of nodes) c.add(node)` under the names `outputs`, up to rounding. */
export function writeLowered(c: Draft, nodes: readonly Node[], outputs: readonly string[]): void {
  const lowering = new Lowering(c, nodes, outputs);
  for (const node of nodes) {
    if (lowering.isTaken(node) || lowerings.get(operatorKey(node))?.(lowering, node) === true) continue;
    for (const name of reads(node)) lowering.plain(name);
    c.add(node);
  }
  for (const name of outputs) lowering.plain(name);
}
