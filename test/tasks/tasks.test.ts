import { describe, expect, it } from 'vitest';
import { predictionSchema, querySchema } from '../../agent/contract/payloads.ts';
import { createCollect } from '../../agent/engine/collect.ts';
import { createNearDuplicates } from '../../agent/engine/near-duplicates.ts';
import { createLog } from '../../agent/log.ts';
import { answerOf, questions } from '../../agent/operations/questions.ts';
import { classes } from '../../agent/tasks/classes.ts';
import { distance } from '../../agent/tasks/distance.ts';
import { quantities } from '../../agent/tasks/quantities.ts';
import { recordOf } from '../../agent/tasks/table.ts';
import type { Answer } from '../../agent/types.ts';
import { addTo, clockAt, temporaryStore } from '../store/fixtures.ts';

const targets = [
  { name: 'weight', unit: 'kg' },
  { name: 'humidity', unit: '' },
];
const cat = classes.answer(Float32Array.of(0.1, 0.7, 0.2), { classes: ['dog', 'cat'] });
const much = quantities.answer(Float32Array.of(1.25, 40), { targets });
const odd = distance.answer(Float32Array.of(2), { threshold: 1.5 });
const usual = distance.answer(Float32Array.of(0.5), { threshold: 1.5 });
const bare = distance.answer(Float32Array.of(2), {});
const answers: readonly Answer[] = [cat, much, odd, usual, bare];

describe('a task', () => {
  it('says of what a model gives what people read', () => {
    expect(answers.map((answer) => recordOf(answer).line(answer))).toEqual([
      "'cat' 70 %, 'class 2' 20 %, 'dog' 10 %",
      'weight 1.250 kg, humidity 40.00',
      'anomalous: 2.000 from normal, 1.500 allowed',
      'normal: 0.5000 from normal, 1.500 allowed',
      'without a threshold: 2.000 from normal',
    ]);
    expect(answers.map((answer) => recordOf(answer).word(answer))).toEqual(['cat', '1.3 40', 'anomalous', 'normal', 'without a threshold']);
  });

  it('says how sure an answer is, where it says so itself', () => {
    const sure = answers.map((answer) => recordOf(answer).confidence(answer));
    expect(sure).toEqual([expect.closeTo(0.7), null, 0.25, expect.closeTo(2 / 3), null]);
    expect(distance.confidence({ kind: 'distance', distance: 1.5, threshold: 1.5 })).toBe(0);
    expect(distance.confidence({ kind: 'distance', distance: 0, threshold: 0 })).toBe(0);
    expect(classes.confidence({ kind: 'classes', scores: [] })).toBe(0);
  });

  it.each([
    [classes, 'cat', 'cat'],
    [classes, 'c\u0000at', null],
    [quantities, ' 1.25 ', 1.25],
    [quantities, '', null],
    [quantities, '1,25', null],
    [quantities, 'Infinity', null],
    [distance, 'Good', 'normal'],
    [distance, 'defect', 'anomalous'],
    [distance, 'cat', null],
  ])('%# takes %j for what is learned from: %j', (task, text, target) => {
    expect(task.target(text)).toBe(target);
  });

  it.each(answers.map((answer) => [answer.kind, answer] as const))('of %s is told in messages that keep the contract', (_, answer) => {
    const { prediction, question } = recordOf(answer);
    const said = { timeMs: 1, source: 'door', sample: 's1', release: 'base', latencyMs: 2, ...prediction(answer) };
    expect(predictionSchema.parse(said)).toEqual(said);
    const asked = { timeMs: 1, source: 'door', sample: 's1', thumbnail: null, ...question(answer, 5) };
    expect(querySchema.parse(asked)).toEqual(asked);
  });

  it('has nothing to tell of no class at all', () => {
    expect(classes.prediction({ kind: 'classes', scores: [] })).toBeNull();
  });
});

describe('an answer of any kind', () => {
  it.each(answers.map((answer) => [answer.kind, answer] as const))(
    'of %s is a question that the device lists and people read',
    async (_, answer) => {
      const store = temporaryStore();
      store.queries.ask(addTo(store, { answer }), 1);
      const told = await questions.run(
        { store } as Parameters<typeof questions.run>[0],
        { limit: 10 },
        {} as Parameters<typeof questions.run>[2],
      );
      const [asked] = questions.result.parse(JSON.parse(JSON.stringify(told))).questions;
      expect(recordOf(answer).line(answerOf(asked!))).toBe(recordOf(answer).line(answer));
    },
  );

  it.each([
    ['sure classes', cat, 0.6, false],
    ['unsure classes', cat, 0.8, true],
    ['a number, which does not say how sure it is', much, 1, false],
    ['a distance near the threshold', odd, 0.6, true],
    ['a distance far from it', usual, 0.6, false],
  ] as const)('is asked about where it is unsure: %s', async (_, answer, below, expected) => {
    const asked: string[] = [];
    const ports = {
      requireRoom: () => {},
      infer: async () => ({ features: Float32Array.of(1), answer, hash: 7n, release: 'base', latencyMs: 1 }),
      isDuplicate: () => false,
      add: () => 's1',
      remember: () => {},
      predicted: () => {},
      mayAsk: () => true,
      ask: async (sample: string) => void asked.push(sample),
    };
    const collect = createCollect(ports, below, createLog('silent'), clockAt());
    await collect.take({ source: 'door', timeMs: 1, kind: 'image', bytes: Uint8Array.of(1) });
    expect(asked.length === 1).toBe(expected);
  });

  it('makes near-duplicates only of what the same is said', () => {
    const said = (answer: Answer) => ({ features: Float32Array.of(1), answer, hash: 7n, release: 'base', latencyMs: 1 });
    for (const [first, other] of [
      [much, quantities.answer(Float32Array.of(1.4, 40), { targets })],
      [usual, { ...usual, distance: 9 }],
    ] as const) {
      const near = createNearDuplicates({ windowSeconds: 60, distance: 4, sureFrom: 0.6 }, clockAt());
      near.stored('door', said(first));
      expect([near.isDuplicate('door', said(first)), near.isDuplicate('door', said(other))]).toEqual([true, false]);
    }
  });
});
