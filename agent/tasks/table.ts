// All tasks, by the kind of answer that their models give.
import type { Answer } from '../types.ts';
import { classes } from './classes.ts';
import { distance } from './distance.ts';
import { quantities } from './quantities.ts';
import type { AnswerOf, Task } from './task.ts';

// biome-ignore lint/suspicious/noExplicitAny: facts, targets and evidence differ from task to task; whoever uses those names the task.
type Tasks = { readonly [K in Answer['kind']]: Task<AnswerOf<K>, any, any, any> };

const tasks: Tasks = { classes, quantities, distance };

type OfAnswers = 'word' | 'line' | 'confidence' | 'prediction' | 'question';

/** What can be asked of any answer. */
export function recordOf(answer: Answer): Pick<Task<Answer, never, unknown, never>, OfAnswers> {
  return tasks[answer.kind];
}
