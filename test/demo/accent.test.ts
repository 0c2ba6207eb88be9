// The demo from beginning to end, as a program runs it: broker, daemon, recorded microphone, and a device that learns an accent.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { accentModel } from '../../agent/demo/accent.ts';
import { whet } from '../e2e/daemon.ts';
import { temporaryDirectory } from '../store/fixtures.ts';

interface Outcome {
  readonly passed: boolean;
  readonly accent: Readonly<Record<'before' | 'after', { readonly value: number; readonly samples: number }>>;
  readonly known: Readonly<Record<'before' | 'after', { readonly value: number }>>;
  readonly base: { readonly before: number; readonly after: number };
  readonly told: { readonly labelled: number };
  readonly report: { readonly verdict: { readonly kind: string }; readonly release: string };
  readonly mqtt: readonly { readonly topic: string; readonly messages: number }[];
  readonly words: readonly { readonly when: string; readonly part: string; readonly release: string }[];
}

const missing = !existsSync(accentModel);

describe.skipIf(missing)(`whet demo${missing ? ' (skipped: models/spoken-digits is not there)' : ''}`, { timeout: 600_000 }, () => {
  it('shows a device that learns an accent by itself, keeps what it knew, and says so over MQTT', async () => {
    const directory = temporaryDirectory();
    const answer = await whet('demo', '--once', '--json', '--dir', directory);
    const outcome = answer.json<Outcome>();
    expect([answer.code, outcome.passed]).toEqual([0, true]);
    expect(outcome.accent.before.samples).toBe(30);
    expect(outcome.accent.before.value).toBeLessThan(0.8);
    expect(outcome.accent.after.value).toBeGreaterThan(0.9);
    expect(outcome.known.after.value).toBe(1);
    expect(outcome.base.after).toBeGreaterThanOrEqual(outcome.base.before - 0.01);
    expect(outcome.told.labelled).toBe(30);
    expect(outcome.report.verdict.kind).toBe('accepted');
    const releases = (when: string) => new Set(outcome.words.filter((word) => word.when === when).map(({ release }) => release));
    expect([...releases('before')]).toEqual(['base']);
    expect([...releases('after')]).toEqual([outcome.report.release]);
    const counted = Object.fromEntries(outcome.mqtt.map(({ topic, messages }) => [topic, messages]));
    expect(counted).toMatchObject({ prediction: 110, 'result/label/…': 30, report: 1 });
    expect(counted).toHaveProperty('model/…');
    expect(readFileSync(join(directory, 'report.html'), 'utf8')).toContain('>passed</p>');
  });

  it('says what is wrong with recordings that are none, and starts nothing', async () => {
    const answer = await whet('demo', '--json', '--data', temporaryDirectory());
    expect(answer.code).toBe(65);
    expect(answer.json<{ error: { code: string } }>().error.code).toBe('data-unusable');
  });
});
