// The one table of gradient rules: operator → function of (draft, node, dy) to one gradient per input, null where there is none.
// Merged explicitly from families; two families that claim one operator are an error. A new family is one import and one line.
import type { Node } from '../onnx/ir.ts';
import type { Draft } from './draft.ts';
import { mergeFamilies } from './families.ts';
import { activationRules } from './rules/activation.ts';
import { arithmeticRules } from './rules/arithmetic.ts';
import { convolutionRules } from './rules/convolution.ts';
import { indexingRules } from './rules/indexing.ts';
import { linearRules } from './rules/linear.ts';
import { movementRules } from './rules/movement.ts';
import { normalizationRules } from './rules/normalization.ts';
import { poolingRules } from './rules/pooling.ts';
import { reductionRules } from './rules/reduction.ts';
import { resamplingRules } from './rules/resampling.ts';
import { selectionRules } from './rules/selection.ts';

/**
 * Writes the gradient of one node into the draft. `dy` is the gradient of the node's first output and has that output's shape; `dys`
 * holds those of all outputs, null where nothing downstream depends on one. A returned gradient may have any shape that broadcasts with
 * its input: the walker sums or expands it. Gradients that nobody needs cost nothing, the draft drops them.
 */
export type Rule = (c: Draft, node: Node, dy: string, dys: readonly (string | null)[]) => readonly (string | null)[];

export const gradientRules: ReadonlyMap<string, Rule> = mergeFamilies('gradient rules', [
  linearRules,
  convolutionRules,
  poolingRules,
  arithmeticRules,
  activationRules,
  normalizationRules,
  movementRules,
  indexingRules,
  resamplingRules,
  reductionRules,
  selectionRules,
]);
