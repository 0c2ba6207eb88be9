import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createReadingWindows, type WindowOptions } from '../../agent/capture/reading-windows.ts';
import { createSensorCommandSource, type SensorCommandOptions } from '../../agent/capture/sensor-command.ts';
import type { Source } from '../../agent/capture/source.ts';
import { sensorInputSchema } from '../../agent/config/sensor-input.ts';
import { preprocessCapture } from '../../agent/preprocess/capture-input.ts';
import { createRecorder } from './recorder.ts';

const folder = mkdtempSync(join(tmpdir(), 'whet-sensor-'));
let source: Source | null = null;
afterEach(async () => {
  await source?.stop();
  source = null;
});
afterAll(() => rmSync(folder, { recursive: true }));

const options: WindowOptions = { lengthS: 1, everyS: 1, time: { key: 't', perSecond: 1 }, stamp: 'own' };
const lines = (times: readonly number[]) => times.map((t) => `${JSON.stringify({ t, a: t })}\n`).join('');
const times = (from: number, count: number, step = 0.1) =>
  Array.from({ length: count }, (_, at) => Math.round((from + at * step) * 1000) / 1000);
const firstOf = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString().split('\n')[0] ?? '').t;
const countOf = (bytes: Uint8Array) => Buffer.from(bytes).toString().split('\n').length;

describe('windows of readings', () => {
  it('touch, or overlap where they come more often than they are long', () => {
    const touching = createReadingWindows(options).push(Buffer.from(lines(times(5, 32))), 0);
    expect(touching.map(({ bytes }) => [firstOf(bytes), countOf(bytes)])).toEqual([
      [5, 10],
      [6, 10],
      [7, 10],
    ]);
    const overlapping = createReadingWindows({ ...options, everyS: 0.5 }).push(Buffer.from(lines(times(5, 22))), 0);
    expect(overlapping.map(({ bytes }) => firstOf(bytes))).toEqual([5, 5.5, 6]);
  });

  it('do not care how the text is cut into chunks', () => {
    const text = Buffer.from(`\n${lines(times(0, 45))}`);
    const whole = createReadingWindows(options).push(text, 0);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 200 }), (sizes) => {
        const windows = createReadingWindows(options);
        const found = [];
        let at = 0;
        for (const size of [...sizes, text.length]) {
          found.push(...windows.push(text.subarray(at, at + size), 0));
          at += size;
        }
        expect(found).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });

  it('begin anew after a silence and after a clock that jumps back; what is no reading is counted', () => {
    const windows = createReadingWindows(options);
    const text = `${lines(times(0, 5))}nonsense\n[1]\n{"a":1}\n{"t":"x"}\n${lines(times(100, 12))}${lines(times(20, 12))}`;
    const found = windows.push(Buffer.from(text), 0);
    expect(found.map(({ bytes }) => firstOf(bytes))).toEqual([0, 100, 20]);
    expect([windows.unusable, windows.readings]).toEqual([4, 29]);
  });

  it('take a reading that is a little late in its place: one in ninety costs no window', () => {
    const order = times(0, 3000, 0.02).map((t, at) => ({ t, at: at % 90 === 45 ? at + 1.5 : at }));
    const late = order.sort((a, b) => a.at - b.at).map(({ t }) => t);
    const windows = createReadingWindows(options);
    const found = windows.push(Buffer.from(lines(late)), 0);
    expect(found.length).toBe(59);
    for (const { bytes } of found) {
      const inside = Buffer.from(bytes)
        .toString()
        .split('\n')
        .map((line) => JSON.parse(line).t);
      expect(inside).toEqual([...inside].sort((a, b) => a - b));
    }
    // Late by a reading across the end of a window: that one is thrown away, and counted.
    expect(found.reduce((sum, { bytes }) => sum + countOf(bytes), 0)).toBe(59 * 50 - windows.lost);
    expect(windows.lost).toBeLessThan(3);
  });

  it('count what is thrown away: a late reading of a window that was given, and all that wait when the clock was set', () => {
    const windows = createReadingWindows(options);
    windows.push(Buffer.from(lines([...times(0, 11), 0.95])), 0);
    expect(windows.lost).toBe(1);
    windows.push(Buffer.from(lines([1.1, 1.2, 0.5])), 0);
    expect(windows.lost).toBe(1 + 3);
    // Between windows that are apart nothing is lost.
    const apart = createReadingWindows({ ...options, everyS: 3 });
    expect(apart.push(Buffer.from(lines(times(0, 70))), 0).map(({ bytes }) => firstOf(bytes))).toEqual([0, 3]);
    expect(apart.lost).toBe(0);
  });

  it('that share readings are one chain, those that touch or come after a silence are apart', () => {
    const chains = (settings: Partial<WindowOptions>, text: string) =>
      createReadingWindows({ ...options, ...settings })
        .push(Buffer.from(text), 0)
        .map(({ chain }) => chain);
    expect(chains({}, lines(times(0, 32)))).toEqual([1, 2, 3]);
    expect(chains({ everyS: 0.25 }, lines(times(0, 33)))).toEqual(Array(9).fill(1));
    expect(chains({ everyS: 0.5 }, lines([...times(0, 12), ...times(50, 12)]))).toEqual([1, 1, 2]);
    // One of a day that never pauses is not one observation.
    expect(new Set(chains({ everyS: 0.5 }, lines(times(0, 350)))).size).toBe(4);
  });

  it('do not break a character that stands on two chunks', () => {
    const windows = createReadingWindows({ ...options, time: { key: 'Zähler', perSecond: 1 } });
    for (const byte of Buffer.from(
      times(0, 12)
        .map((t) => `{"Zähler":${t}}\n`)
        .join(''),
    ))
      windows.push(Buffer.of(byte), 0);
    expect([windows.readings, windows.unusable]).toEqual([12, 0]);
  });

  it.each([
    ['stands still, with long lines', (at: number) => ({ t: 5, text: 'x'.repeat(60_000), at })],
    ['stands still, with short lines', () => ({ t: 5 })],
    ['jumps to and fro', (at: number) => ({ t: (at % 2) * 1e6, text: 'x'.repeat(1000) })],
    ['goes backwards, a little each time', (at: number) => ({ t: 1e6 - at / 1000, text: 'x'.repeat(1000) })],
  ])('are bounded in memory where the clock %s', (_what, line) => {
    const windows = createReadingWindows(options);
    const lineOf = (at: number) => `${JSON.stringify(line(at))}\n`;
    let printed = 0;
    const before = process.memoryUsage();
    const most = { heap: 0, buffers: 0 };
    for (let at = 0; printed < 60_000_000 && at < 400_000; ) {
      const chunk = Buffer.from(Array.from({ length: Math.ceil(60_000 / lineOf(at).length) }, () => lineOf(at++)).join(''));
      printed += chunk.length;
      windows.push(chunk, 0);
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      most.heap = Math.max(most.heap, heapUsed - before.heapUsed);
      most.buffers = Math.max(most.buffers, arrayBuffers - before.arrayBuffers);
    }
    expect(windows.lost).toBeGreaterThan(0);
    expect(most.heap).toBeLessThan(150e6);
    expect(most.buffers).toBeLessThan(150e6);
  });

  it('hold no line without end', () => {
    const windows = createReadingWindows(options);
    for (let round = 0; round < 5; round += 1) expect(windows.push(Buffer.alloc(50_000, 'x'), 0)).toEqual([]);
    expect(windows.push(Buffer.from(`\n${lines(times(0, 12))}`), 0).length).toBe(1);
    expect(windows.unusable).toBe(1);
  });

  it('are stamped as they arrive where lines have no time, in the unit of the model card', () => {
    const windows = createReadingWindows({ ...options, stamp: 'arrival', time: { key: 'ms', perSecond: 1000 } });
    const found = Array.from({ length: 12 }, (_, at) => windows.push(Buffer.from('{"a":1}\n'), 1_000_000 + 100 * at)).flat();
    expect(JSON.parse(Buffer.from(found[0]!.bytes).toString().split('\n')[1] ?? '')).toEqual({ a: 1, ms: 1_000_100 });
  });
});

describe('a sensor program', () => {
  function open(script: string, more: Partial<SensorCommandOptions> = {}): Source {
    const path = join(folder, 'sensor.mjs');
    writeFileSync(path, script);
    const window = { ...options, lengthS: 0.5, everyS: 0.5 };
    source = createSensorCommandSource({
      name: 'motor',
      command: [process.execPath, path],
      window,
      stallMs: 60_000,
      graceMs: 200,
      retryMinMs: 20,
      retryMaxMs: 40,
      ...more,
    });
    return source;
  }

  it('gives captures that the model of the card can take', async () => {
    const recorder = createRecorder();
    const motor = open(
      `for (let at = 0; at < 60; at += 1) console.log(JSON.stringify({ t: at / 50, ax: Math.sin(at), gz: at }));setInterval(() => {}, 1000);`,
    );
    await motor.start(recorder.context);
    await recorder.until('two windows', () => recorder.captures.length >= 2);
    expect(recorder.captures[0]).toMatchObject({ source: 'motor', kind: 'sensor' });
    const input = sensorInputSchema.parse({ kind: 'sensor', channels: [{ name: 'ax' }, { name: 'gz' }], sampleRate: 50, samples: 25 });
    const { data } = await preprocessCapture(recorder.captures[1]!.bytes, input);
    expect(data[25]).toBeCloseTo(25, 3);
    expect(motor.status()).toMatchObject({ state: 'running', captures: 2, dropped: 0 });
  });

  it('whose clock jumps goes on, counts what is thrown away, and says so once', async () => {
    const recorder = createRecorder();
    const motor = open(
      `let at = 0; setInterval(() => { for (let n = 0; n < 10; n += 1) console.log(JSON.stringify({ t: at++ % 100 === 99 ? -1000 : at / 50 })); }, 10);`,
    );
    await motor.start(recorder.context);
    await recorder.until('windows in spite of it', () => recorder.captures.length >= 8);
    expect(motor.status()).toMatchObject({ state: 'running', lastError: expect.stringContaining('times run backwards') });
    expect(motor.status().dropped).toBeGreaterThan(0);
    expect(recorder.warnings.filter((text) => text.includes('run backwards'))).toHaveLength(1);
    // What overlaps nothing is a moment of its own.
    expect(new Set(recorder.captures.map(({ moment }) => moment)).size).toBe(recorder.captures.length);
  });

  it('is started again when it ends, and when it prints what is no reading', async () => {
    const recorder = createRecorder();
    await open(`for (let at = 0; at < 30; at += 1) console.log(JSON.stringify({ t: at / 50 }));`).start(recorder.context);
    await recorder.until('a window of a second run', () => recorder.captures.length >= 2);
    await source!.stop();
    const noisy = createRecorder();
    await open(`setInterval(() => console.log('hello'), 20);`, { stallMs: 3000 }).start(noisy.context);
    await noisy.until('a warning of it', () => noisy.warnings.some((text) => text.includes('no readings')));
    expect(noisy.captures).toEqual([]);
  });
});
