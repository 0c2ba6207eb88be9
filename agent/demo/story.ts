// What happened in the demo, as records: every word with what was understood, the run, the messages. The terminal view and the report are drawn
// from these; nothing in them is computed twice.

import type { ModelManifest, Report } from '../contract/payloads.ts';
import type { Proportion, Verdict } from '../types.ts';
import type { Word } from './recordings.ts';

/** judged: words of the foreign speaker that are never learned from; told: those that the device is told; known: of a speaker it understands. */
export type Part = 'judged' | 'told' | 'known';

export interface Heard {
  readonly part: Part;
  /** Before or after the device adapted. */
  readonly when: 'before' | 'after';
  readonly word: Word;
  /** null: nothing was heard. */
  readonly understood: string | null;
  readonly confidence: number;
  readonly release: string | null;
  readonly latencyMs: number | null;
}

export interface TopicCount {
  readonly topic: string;
  readonly messages: number;
  readonly bytes: number;
}

export type Act = 'start' | 'listen' | 'tell' | 'adapt' | 'again' | 'done';

/** Where the demo stands: what the terminal shows. */
export interface Scene {
  readonly act: Act;
  readonly speaker: string;
  readonly model: { readonly name: string; readonly bytes: number };
  readonly broker: string;
  readonly words: Readonly<Record<Part, number>>;
  readonly heard: readonly Heard[];
  readonly labels: number;
  readonly questions: number;
  readonly training: { readonly done: number; readonly total: number | null; readonly what: string } | null;
  readonly report: Report | null;
  readonly topics: readonly TopicCount[];
}

export interface DemoResult {
  /** The adaptation was accepted, is better on words it never saw, and what the model knew it still knows. */
  readonly passed: boolean;
  /** In one sentence. */
  readonly outcome: string;
  readonly scene: Scene;
  readonly manifest: ModelManifest | null;
  readonly seconds: number;
}

export const isRight = ({ word, understood }: Heard): boolean => word.digit === understood;

export function heardIn(scene: Scene, part: Part, when: Heard['when']): readonly Heard[] {
  return scene.heard.filter((heard) => heard.part === part && heard.when === when);
}

/** Share of words that were understood, with its 95 % interval. */
export function understoodShare(heard: readonly Heard[], proportion: (right: number, of: number) => Proportion): Proportion {
  return proportion(heard.filter(isRight).length, heard.length);
}

/** What the base model may lose on words that it knew, as the gate of the device allows. */
const forgetting = 0.01;

export function judgeStory(scene: Scene): { readonly passed: boolean; readonly outcome: string } {
  const right = (part: Part, when: Heard['when']) => heardIn(scene, part, when).filter(isRight).length;
  const [before, after] = [right('judged', 'before'), right('judged', 'after')];
  const of = scene.words.judged;
  const verdict: Verdict['kind'] = scene.report?.verdict.kind ?? 'waiting';
  if (verdict !== 'accepted')
    return { passed: false, outcome: `not adapted (${verdict}): ${scene.report?.verdict.reason ?? 'no run came to an end'}` };
  if (after <= before)
    return { passed: false, outcome: `adapted, but no better on unheard words: ${before} of ${of} before, ${after} after` };
  const base = scene.report?.base ?? null;
  if (base !== null && base.before - base.after > forgetting) {
    return {
      passed: false,
      outcome: `it forgot: ${percent(base.before)} of what the base model knew before, ${percent(base.after)} after`,
    };
  }
  const lost = right('known', 'before') - right('known', 'after');
  if (lost > forgetting * scene.words.known)
    return { passed: false, outcome: `it forgot ${lost} of ${scene.words.known} words of a speaker whom it knew` };
  return { passed: true, outcome: `${before} of ${of} words understood before, ${after} of ${of} after, and nothing forgotten` };
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(share === 1 ? 0 : 1)} %`;
}
