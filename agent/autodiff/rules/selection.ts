// Gradients of operators that choose between values.
import type { Rule } from '../rules.ts';

export const selectionRules: Readonly<Record<string, Rule>> = {
  /** y = condition ? x : w:  dx = condition ? dy : 0,  dw = condition ? 0 : dy;  none for the condition. */
  Where: (c, { inputs: [condition = ''] }, dy) => [null, c.where(condition, dy, 0), c.where(condition, 0, dy)],
};
