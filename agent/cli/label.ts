// `whet label`: open questions, and what labelling did → text.
import type { Labelled } from '../operations/label.ts';
import { answerOf, type Question } from '../operations/questions.ts';
import { recordOf } from '../tasks/table.ts';
import { ago, table } from './text.ts';

/** `open`: how many there are in all. */
export function formatQuestions(questions: readonly Question[], open: number): string {
  if (questions.length === 0) return 'The device asks nothing at the moment.';
  const said = (question: Question) => recordOf(answerOf(question)).line(answerOf(question));
  const rows = questions.map((question) => [question.sample, question.source, ago(question.timeMs, Date.now()), said(question)]);
  const [newest] = questions;
  return [
    table([['sample', 'source', 'when', 'guesses'], ...rows]),
    ...(open > questions.length ? [`and ${open - questions.length} older ones (--limit ${open} lists all)`] : []),
    '',
    `See it with:   whet show ${newest?.sample}   (--open for the viewer of the desktop, --out FILE for a file)`,
    'Answer with:   whet label CLASS SAMPLE...',
  ].join('\n');
}

export function formatLabelled(labelled: Labelled & { readonly label: string | null }): string {
  const done =
    labelled.label === null ? `took the label of ${labelled.labelled} back` : `${labelled.labelled} labelled '${labelled.label}'`;
  return labelled.unknown.length === 0 ? done : `${done}; not in the store: ${labelled.unknown.join(', ')}`;
}
