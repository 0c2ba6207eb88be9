import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createBudget } from '../../agent/capture/budget.ts';
import { createFolderSource } from '../../agent/capture/folder.ts';
import { createCameraProgram } from '../../agent/capture/frame-source.ts';
import { createSensorCommandSource } from '../../agent/capture/sensor-command.ts';
import type { Source } from '../../agent/capture/source.ts';
import { photograph } from '../images.ts';
import { clockAt } from '../store/fixtures.ts';
import { createRecorder } from './recorder.ts';

const folder = mkdtempSync(join(tmpdir(), 'whet-budget-'));
let source: Source | null = null;
afterEach(async () => {
  await source?.stop();
  source = null;
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a budget', () => {
  it('allows a minute of it at once, and after that as much as time gives back, evenly', () => {
    const clock = clockAt();
    const budget = createBudget({ capturesPerMinute: 60, megabytesPerMinute: 100 }, clock);
    const takeAll = () => {
      let taken = 0;
      while (taken < 1000 && budget.take(10)) taken += 1;
      return taken;
    };
    expect(takeAll()).toBe(60);
    clock.pass(1500);
    expect(takeAll()).toBe(1);
    clock.pass(10_500);
    expect(takeAll()).toBe(11);
    clock.pass(86_400_000);
    expect(takeAll()).toBe(60);
  });

  it('counts bytes too; one capture may overdraw it, so that none is too large for ever', () => {
    const clock = clockAt();
    const budget = createBudget({ capturesPerMinute: 1000, megabytesPerMinute: 10 }, clock);
    expect(budget.take(30 * 1024 * 1024)).toBe(true);
    expect(budget.take(1)).toBe(false);
    clock.pass(119_000);
    expect(budget.take(1)).toBe(false);
    clock.pass(2000);
    expect(budget.take(1)).toBe(true);
  });

  it('says what was passed over, once a log and for a minute after the last', () => {
    const clock = clockAt();
    const budget = createBudget({ capturesPerMinute: 1, megabytesPerMinute: 1 }, clock);
    expect(budget.sentence()).toBeNull();
    expect([budget.passOver(), budget.passOver(), budget.passOver(false)]).toEqual([true, false, false]);
    expect(budget.sentence()).toBe('gives more than its budget of 1 captures and 1 MB a minute: 2 passed over');
    clock.pass(61_000);
    expect(budget.sentence()).toBeNull();
    expect(budget.passOver()).toBe(true);
  });
});

describe('a source that never stops', () => {
  const script = (body: string) => [process.execPath, '-e', body];
  const common = { stallMs: 60_000, graceMs: 200, retryMinMs: 20, retryMaxMs: 40 };
  const told = (warnings: readonly string[]) => warnings.filter((text) => text.includes('more than its budget')).length;

  it('a camera of 1,000 frames a second gives what its budget allows, and the status says so once', async () => {
    const path = join(folder, 'picture.jpg');
    writeFileSync(path, await photograph('disc', 1));
    const recorder = createRecorder();
    const command = script(
      `const frame = require('node:fs').readFileSync(${JSON.stringify(path)}); setInterval(() => { for (let n = 0; n < 10; n += 1) process.stdout.write(frame) }, 10);`,
    );
    source = createCameraProgram({
      name: 'door',
      kind: 'mjpeg',
      command: async () => command,
      framesPerSecond: 60,
      budget: { capturesPerMinute: 5, megabytesPerMinute: 100 },
      ...common,
    });
    await source.start(recorder.context);
    await recorder.until('the budget to be used up', () => told(recorder.warnings) > 0);
    await sleep(500);
    expect(recorder.captures.length).toBeLessThanOrEqual(6);
    expect(told(recorder.warnings)).toBe(1);
    const status = source.status();
    expect(status).toMatchObject({ state: 'running', dropped: 0, captures: recorder.captures.length });
    expect(status.lastError).toMatch(/^gives more than its budget of 5 captures and 100 MB a minute: \d+ passed over$/);
    expect(status.passedOver).toBeGreaterThan(10);
  });

  it('a program that prints as fast as it can leaves the daemon time, and its memory alone', async () => {
    const recorder = createRecorder();
    // Windows of a second, from a clock that runs a day a second: each line completes one.
    const body = `const line = JSON.stringify({ t: 0, x: 'x'.repeat(2000) }); let t = 0;
      const print = () => { let text = ''; for (let n = 0; n < 200; n += 1) text += line.replace('0', String(t += 0.6)) + '\\n'; process.stdout.write(text, print); }; print();`;
    const window = { lengthS: 1, everyS: 1, time: { key: 't', perSecond: 1 }, stamp: 'own' } as const;
    const budget = { capturesPerMinute: 50, megabytesPerMinute: 100 };
    source = createSensorCommandSource({ name: 'motor', command: script(body), window, budget, ...common });
    const before = process.memoryUsage.rss();
    await source.start(recorder.context);
    await recorder.until('the budget to be used up', () => told(recorder.warnings) > 0);
    const from = performance.eventLoopUtilization();
    await sleep(1500);
    expect(performance.eventLoopUtilization(from).utilization).toBeLessThan(0.95);
    expect(process.memoryUsage.rss() - before).toBeLessThan(200e6);
    expect(recorder.captures.length).toBeLessThanOrEqual(53);
    expect(source.status().passedOver).toBeGreaterThan(100);
    expect(told(recorder.warnings)).toBe(1);
  });

  it('files by the hundred wait where they are, counted once each, and all are taken in the end', async () => {
    const inbox = mkdtempSync(join(folder, 'inbox-'));
    const write = (from: number, to: number) => {
      for (let at = from; at < to; at += 1) writeFileSync(join(inbox, `${at}.jpg`), `picture ${at}`);
    };
    write(0, 320);
    const recorder = createRecorder();
    source = createFolderSource({
      ...{ name: 'inbox', path: inbox, captures: 'image', rescanMs: 200, settleMs: 20, isClass: () => false },
      budget: { capturesPerMinute: 300, megabytesPerMinute: 100 },
      tracked: { waiting: 200, done: 100 },
    });
    const taken = new Set<string>();
    const seen = (origin: string) => taken.has(origin);
    await source.start({
      ...recorder.context,
      seen,
      async emit(capture) {
        taken.add(capture.origin ?? '');
        await recorder.context.emit(capture);
      },
    });
    await recorder.until('the budget to be used up', () => told(recorder.warnings) > 0);
    expect(recorder.captures.length).toBeLessThanOrEqual(315);
    expect(source.status().lastError).toMatch(/budget of 300 captures/);
    await recorder.until('all', () => recorder.captures.length === 320);
    expect(new Set(recorder.captures.map(({ origin }) => origin)).size).toBe(320);
    expect(source.status()).toMatchObject({ state: 'running', dropped: 0, captures: 320 });
    // Those that were put off, each once however often it was looked at.
    expect(source.status().passedOver).toBeGreaterThan(0);
    expect(source.status().passedOver).toBeLessThanOrEqual(60);
  });
});
