// The one table of operators that training knows, merged from families; two families that claim one operator are an error, and so is a record
// from which nothing follows. A new family is one import and one line.
import type { Node } from '../onnx/ir.ts';
import { mergeFamilies, operatorKey } from './families.ts';
import type { Gradient, Operator } from './operator.ts';
import { activations } from './operators/activation.ts';
import { arithmetic } from './operators/arithmetic.ts';
import { attention } from './operators/attention.ts';
import { comparisons } from './operators/comparison.ts';
import { convolutions } from './operators/convolution.ts';
import { indexing } from './operators/indexing.ts';
import { joining } from './operators/joining.ts';
import { matrixProducts } from './operators/matrix-product.ts';
import { movement } from './operators/movement.ts';
import { normalizations } from './operators/normalization.ts';
import { pools } from './operators/pooling.ts';
import { recurrentLayers } from './operators/recurrent.ts';
import { reductions } from './operators/reduction.ts';
import { resampling } from './operators/resampling.ts';
import { sizes } from './operators/sizes.ts';
import { snapping } from './operators/snap.ts';

export const operators: ReadonlyMap<string, Operator> = mergeFamilies('operators', [
  matrixProducts,
  convolutions,
  pools,
  arithmetic,
  activations,
  comparisons,
  normalizations,
  movement,
  joining,
  indexing,
  resampling,
  reductions,
  sizes,
  recurrentLayers,
  attention,
  snapping,
]);

export function operatorOf(node: Pick<Node, 'op' | 'domain'>): Operator | null {
  return operators.get(operatorKey(node)) ?? null;
}

/** By operator, as the walker takes them: of a step as it is written, and of a lowered one. */
export const gradientRules: ReadonlyMap<string, Gradient> = gradients(({ gradient }) => gradient);
export const loweredGradients: ReadonlyMap<string, Gradient> = gradients(({ gradient, loweredGradient }) => loweredGradient ?? gradient);

function gradients(of: (operator: Operator) => Gradient | undefined): ReadonlyMap<string, Gradient> {
  return new Map(
    [...operators].flatMap(([key, operator]) => {
      const gradient = of(operator);
      return gradient === undefined ? [] : [[key, gradient] as const];
    }),
  );
}
