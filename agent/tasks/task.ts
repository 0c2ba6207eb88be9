// What a task is: what its models answer, what a person may say of a capture, what is asked, told and judged of it. One record a kind of answer; the
// daemon's loop, its store, its outlets and the one-shot jobs know no kind by name where a record can say it.
import type { Prediction, Query } from '../contract/payloads.ts';
import type { Answer, Verdict } from '../types.ts';

export type AnswerOf<K extends Answer['kind']> = Extract<Answer, { readonly kind: K }>;

/** A message without what every one of them says. */
type Told<M, Common extends PropertyKey> = M extends unknown ? Omit<M, Common> : never;
/** Of a `prediction`: what the answer adds to source, time and sample. */
export type ToldPrediction = Told<Prediction, 'timeMs' | 'source' | 'sample' | 'release' | 'latencyMs'>;
/** Of a `query`, likewise. */
export type ToldQuestion = Told<Query, 'timeMs' | 'source' | 'sample' | 'thumbnail'>;

/** `Facts`: what the model card or the release says of the outputs. `Target`: what is learned from. `Evidence`: what the gate decides by. */
export interface Task<A extends Answer, Facts, Target, Evidence extends readonly unknown[]> {
  /** What a model gives for one capture → what it says of it. */
  answer(values: Float32Array, facts: Facts): A;
  /** What a folder or a table says of a capture → what is learned from; null where that is none. */
  target(text: string): Target | null;
  /** In a word, which two captures have in common of which the same is said. */
  word(answer: A): string;
  /** The whole answer in a line, for people. */
  line(answer: A): string;
  /** In [0, 1]; null where an answer does not say how sure it is, and so nobody is asked about it. */
  confidence(answer: A): number | null;
  /** null where there is nothing to tell. */
  prediction(answer: A): ToldPrediction | null;
  /** At most `most` guesses, where there are several. */
  question(answer: A, most: number): ToldQuestion;
  /** Whether a candidate ships. */
  judge(...evidence: Evidence): Verdict;
}
