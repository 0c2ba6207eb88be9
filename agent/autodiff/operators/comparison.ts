// Comparisons, logic, and the choice between values. Only what is chosen has a gradient.
import { and, chosen, equal, greater, greaterOrEqual, less, lessOrEqual, not, or } from '../fold/elementwise.ts';
import type { Family } from '../operator.ts';
import { broadcasting, unary } from './elementwise.ts';

export const comparisons: Family = {
  Equal: broadcasting(null, { fold: equal }),
  Greater: broadcasting(null, { fold: greater }),
  GreaterOrEqual: broadcasting(null, { fold: greaterOrEqual }),
  Less: broadcasting(null, { fold: less }),
  LessOrEqual: broadcasting(null, { fold: lessOrEqual }),
  And: broadcasting(null, { fold: and }),
  Or: broadcasting(null, { fold: or }),
  Xor: broadcasting(null),
  Not: unary(null, { fold: not }),
  IsNaN: unary(null),
  IsInf: unary(null),

  /** y = condition ? x : w:  dx = condition ? dy : 0,  dw = condition ? 0 : dy;  none for the condition. */
  Where: broadcasting((c, { inputs: [condition = ''] }, dy) => [null, c.where(condition, dy, 0), c.where(condition, 0, dy)], {
    fold: chosen,
  }),
};
