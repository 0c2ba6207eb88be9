// Which class a capture is of: one probability a class in, class names with confidence out, most likely first.
import { judgeEvidence } from '../candidate/judge.ts';
import { isClassName } from '../config/class-name.ts';
import type { AnswerOf, Task } from './task.ts';

/** So many are stored and shown. */
const kept = 10;
/** What people are told: beyond it stand noughts. */
const told = 3;

type Classes = AnswerOf<'classes'>;

/** `answer` takes probabilities; classes without a name are numbered. */
export const classes: Task<Classes, { readonly classes: readonly string[] }, string, Parameters<typeof judgeEvidence>> = {
  answer(probabilities, facts) {
    const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b]! - probabilities[a]!);
    const scores = order.slice(0, kept).map((index) => ({
      label: facts.classes[index] ?? `class ${index}`,
      confidence: Math.min(1, Math.max(0, probabilities[index]!)),
    }));
    return { kind: 'classes', scores };
  },
  target: (name) => (isClassName(name) ? name : null),
  word: ({ scores }) => scores[0]?.label ?? '',
  // Quoted, so that a class `9` and `79 %` do not run together.
  line: ({ scores }) =>
    scores
      .slice(0, told)
      .map(({ label, confidence }) => `'${label}' ${(100 * confidence).toFixed(0)} %`)
      .join(', '),
  confidence: ({ scores }) => scores[0]?.confidence ?? 0,
  prediction({ kind, scores: [best] }) {
    return best === undefined ? null : { kind, label: best.label, confidence: best.confidence };
  },
  question: ({ kind, scores }, most) => ({ kind, guesses: scores.slice(0, most) }),
  judge: judgeEvidence,
};
