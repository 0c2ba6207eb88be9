// Every single operator's case, by operator: random shapes, values and attributes from a seed.
import { mergeFamilies } from '../../agent/autodiff/families.ts';
import { convolutionCases, poolingCases } from './cases-convolution.ts';
import { activationCases, arithmeticCases } from './cases-elementwise.ts';
import { indexingCases, resamplingCases } from './cases-indexing.ts';
import { movementCases } from './cases-movement.ts';
import { linearCases, normalizationCases, reductionCases } from './cases-structured.ts';

export const operatorCases = mergeFamilies('cases', [
  arithmeticCases,
  activationCases,
  linearCases,
  convolutionCases,
  poolingCases,
  normalizationCases,
  reductionCases,
  movementCases,
  indexingCases,
  resamplingCases,
]);
