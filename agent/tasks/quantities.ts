// How much: one number a target in, quantities with name and unit out.
import type { ModelCard } from '../config/card.ts';
import { judgeRegression } from '../learn/regression-score.ts';
import type { AnswerOf, Task } from './task.ts';

type Quantities = AnswerOf<'quantities'>;

/** `answer` takes one value a target, in the order of the card. A number alone does not say how sure it is. */
export const quantities: Task<Quantities, Pick<ModelCard, 'targets'>, number, Parameters<typeof judgeRegression>> = {
  answer: (values, { targets }) => ({
    kind: 'quantities',
    values: Array.from(values, (value, at) => ({ name: targets[at]?.name ?? `quantity ${at}`, unit: targets[at]?.unit ?? '', value })),
  }),
  target(text) {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    return Number.isFinite(value) ? value : null;
  },
  word: ({ values }) => values.map(({ value }) => value.toPrecision(2)).join(' '),
  line: ({ values }) => values.map(({ name, unit, value }) => `${name} ${value.toPrecision(4)} ${unit}`.trimEnd()).join(', '),
  confidence: () => null,
  prediction: ({ kind, values }) => ({ kind, values: [...values] }),
  question: ({ kind, values }) => ({ kind, values: [...values] }),
  judge: judgeRegression,
};
