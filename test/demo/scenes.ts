// A finished scene of the demo, without a device: two digits, heard before and after. Takes what was understood, gives the records.

import type { Report } from '../../agent/contract/payloads.ts';
import type { Heard, Part, Scene } from '../../agent/demo/story.ts';

const report: Report = {
  ...{ timeMs: 2, run: 'r1', startedAtMs: 1, reason: 'schedule', learner: 'closed-form', classes: ['0', '1'] },
  samples: { train: 4, holdout: 4 },
  before: { value: 0.5, samples: 4, low: 0.15, high: 0.85 },
  after: { value: 1, samples: 4, low: 0.5, high: 1 },
  ...{ confusion: null, base: { before: 0.99, after: 0.985 }, depth: null },
  verdict: { kind: 'accepted', reason: 'Better: 4 of 4 right.' },
  ...{ release: '000001-aaaaaaaa', seconds: { train: 0.1, total: 0.5 }, peakRssMb: 100 },
} as Report;

export interface Wish {
  /** What the device understands of '0' and '1'; null: nothing. */
  readonly before?: readonly (string | null)[];
  readonly after?: readonly (string | null)[];
  readonly knownAfter?: readonly (string | null)[];
  readonly report?: Partial<Report> | null;
  readonly speaker?: string;
}

export function sceneOf({
  before = ['1', '1'],
  after = ['0', '1'],
  knownAfter = ['0', '1'],
  report: changes = {},
  speaker = 'someone',
}: Wish): Scene {
  const heard = (part: Part, when: Heard['when'], understood: readonly (string | null)[]) =>
    understood.map(
      (digit, index): Heard => ({
        ...{ part, when, understood: digit, confidence: 0.5 + 0.1 * index, release: 'base', latencyMs: 1.5 },
        word: { digit: String(index), speaker, index: 0, bytes: Uint8Array.of(82, 73, 70, 70) },
      }),
    );
  return {
    ...{ act: 'done', speaker, model: { name: 'spoken-digits', bytes: 65_536 }, broker: 'mqtt://127.0.0.1:1883' },
    words: { judged: 2, told: 2, known: 2 },
    heard: [
      ...heard('known', 'before', ['0', '1']),
      ...heard('judged', 'before', before),
      ...heard('told', 'before', before),
      ...heard('known', 'after', knownAfter),
      ...heard('judged', 'after', after),
    ],
    ...{ labels: 2, questions: 1, training: null },
    report: changes === null ? null : { ...report, ...changes },
    topics: [{ topic: 'prediction', messages: 10, bytes: 2048 }],
  };
}
