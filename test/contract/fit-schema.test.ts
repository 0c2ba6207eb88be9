import { describe, expect, it } from 'vitest';
import { fitted } from '../../agent/contract/fit-schema.ts';
import { healthSchema, predictionSchema, querySchema, reportSchema } from '../../agent/contract/payloads.ts';

const long = 'ü'.repeat(5000);
const proportion = { value: 1, samples: 1, low: 0, high: 1 };

describe('text that is too long', () => {
  it.each([
    ['health', healthSchema, { throttled: [long], degraded: Array.from({ length: 100 }, () => long) }],
    ['query', querySchema, { sample: 's1', source: long, kind: 'classes', guesses: [{ label: long, confidence: 1 }], thumbnail: null }],
    [
      'prediction',
      predictionSchema,
      { source: long, sample: null, kind: 'classes', label: long, confidence: 1, release: long, latencyMs: 1 },
    ],
    ['report', reportSchema, { reason: long, classes: [long], verdict: { kind: 'rejected', reason: long } }],
  ] as const)('breaks no %s', (_, schema, text) => {
    const whole = {
      timeMs: 1,
      ...{ temperatureC: null, load1: 0, memory: { totalMb: 1, freeMb: 1, residentMb: 1 }, disk: null, dropped: 0 },
      outbox: { waiting: 0, waitingBytes: 0, droppedByBytes: 0, droppedByAge: 0 },
      ...{ run: long, startedAtMs: 1, learner: long, samples: { train: 1, holdout: 1 }, before: proportion, after: null },
      ...{ confusion: null, base: null, depth: null, release: null, seconds: { train: 1, total: 1 }, peakRssMb: 1 },
      ...text,
    };
    expect(schema.safeParse(whole).success).toBe(false);
    const parsed = schema.safeParse(fitted(schema, whole));
    expect(parsed.error?.issues ?? []).toEqual([]);
    expect(JSON.stringify(parsed.data)).toContain('ü…');
  });

  it('hides nothing else that is wrong', () => {
    const wrong = { source: long, sample: null, kind: 'classes', label: 'cat', confidence: 7, release: 'base', latencyMs: 1, timeMs: 1 };
    expect(predictionSchema.safeParse(fitted(predictionSchema, wrong)).error?.issues).toMatchObject([{ path: ['confidence'] }]);
  });

  it('is left alone where it fits', () => {
    const value = { source: 'door' };
    expect(fitted(predictionSchema, value)).toBe(value);
  });
});
