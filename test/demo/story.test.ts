import { describe, expect, it } from 'vitest';
import { judgeStory } from '../../agent/demo/story.ts';
import { sceneOf, type Wish } from './scenes.ts';

describe('the outcome of the demo', () => {
  it('is a success only where it understands more, was accepted, and forgot nothing', () => {
    expect(judgeStory(sceneOf({}))).toEqual({
      passed: true,
      outcome: '1 of 2 words understood before, 2 of 2 after, and nothing forgotten',
    });
  });

  it.each([
    ['the gate rejected it', { report: { verdict: { kind: 'rejected', reason: 'Not better.' } } }, 'not adapted (rejected): Not better.'],
    ['no run ended', { report: null }, 'no run came to an end'],
    ['unheard words are understood no better', { after: ['1', '1'] }, 'no better on unheard words: 1 of 2 before, 1 after'],
    ['nothing was heard', { after: [null, null] }, 'no better'],
    ['the base model lost what it knew', { report: { base: { before: 0.99, after: 0.97 } } }, 'it forgot: 99.0 %'],
    ['a speaker whom it knew is misunderstood', { knownAfter: ['0', '0'] }, 'it forgot 1 of 2 words'],
  ] satisfies readonly (readonly [string, Wish, string])[])('is a failure where %s', (_what, wish, outcome) => {
    const judged = judgeStory(sceneOf(wish));
    expect(judged.passed).toBe(false);
    expect(judged.outcome).toContain(outcome);
  });
});
