// Snap, an operator of this project's own (see snap.ts): values rounded to the grid of a quantizer, y = s·round(x/s).
import type { Family } from '../operator.ts';
import { unary } from './elementwise.ts';

export const snapping: Family = {
  /** Straight through (Bengio, Léonard, Courville 2013):  dx = dy. What a quantizer clips is masked by the Clip before it. */
  'whetstone:Snap': unary((_c, _node, dy) => [dy, null]),
};
