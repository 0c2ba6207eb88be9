// The shipped model of spoken digits meets speakers that it has never heard: `whet adapt` itself, on real recordings.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { adapt } from '../../agent/adapt.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const speech = fileURLToPath(new URL('../../../shared/data/fsdd/', import.meta.url));
const model = fileURLToPath(new URL('../../models/spoken-digits/model.onnx', import.meta.url));
const place = mkdtempSync(join(tmpdir(), 'whet-digits-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

/** A folder a digit, of links to the recordings of a speaker with these numbers. */
function folders(name: string, speaker: string, from: number, until: number): string {
  for (let digit = 0; digit < 10; digit += 1) {
    mkdirSync(join(place, name, String(digit)), { recursive: true });
    for (let index = from; index < until; index += 1) {
      const file = `${digit}_${speaker}_${index}.wav`;
      symlinkSync(join(speech, file), join(place, name, String(digit), file));
    }
  }
  return join(place, name);
}

describe.skipIf(!existsSync(speech))('on real speech (needs ../shared/data/fsdd)', () => {
  const options = {
    model,
    cut: { kind: 'layers', layers: 1 },
    classes: 'keep',
    learner: 'auto',
    runtime: createRuntime(),
    seed: 1,
    force: true,
  } as const;

  it.each(['george', 'yweweler'])('learns %s from five utterances a digit, and forgets nobody', async (speaker) => {
    const data = folders(`${speaker}-5`, speaker, 5, 10);
    const test = folders(`${speaker}-test`, speaker, 0, 5);
    const report = await adapt({ ...options, data, test, out: join(place, `${speaker}.onnx`) });
    expect(report.samples).toMatchObject({ train: 50, test: 50, unreadable: 0 });
    // 47 of 50 were right before: no test of this size can show that 50 are more than chance, and none are worse.
    expect(['accepted', 'not-worse']).toContain(report.verdict.kind);
    expect(report.evidence).toMatchObject({ rows: 50, by: 'test', unmeasured: [] });
    expect(report.after.accuracy).toBeGreaterThanOrEqual(0.96);
    expect(report.base!.before - report.base!.after).toBeLessThan(0.011);
    expect(readdirSync(place)).toContain(`${speaker}.onnx`);
  });

  it('is judged by test recordings after one utterance a digit', async () => {
    const data = folders('one', 'yweweler', 5, 6);
    const report = await adapt({
      ...options,
      data,
      test: folders('one-test', 'yweweler', 0, 5),
      force: false,
      out: join(place, 'one.onnx'),
    });
    expect(report.verdict.kind).toBe('accepted');
    expect(report.after.accuracy!).toBeGreaterThan(report.before!.accuracy + 0.05);
  });
});
