// What a subscriber sees of a device: routes, retention, sizes; every payload held against the published schemas.
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import type { Info } from '../../agent/contract/payloads.ts';
import { maxMessageBytes } from '../../agent/contract/topics.ts';
import type { TrainingReport } from '../../agent/types.ts';
import { mosquittoMissing, needsMosquitto } from '../broker.ts';
import { createTestDevice, eventually, type TestDevice } from './device.ts';
import { closeLater, openBroker } from './opened.ts';
import { type Subscriber, subscribe } from './subscriber.ts';

async function setUp(config = {}, parts = {}): Promise<{ readonly one: TestDevice; readonly watcher: Subscriber; readonly url: string }> {
  const broker = await openBroker();
  const watcher = await subscribe(broker.url, 'whetstone/#');
  const one = createTestDevice({ url: broker.url, ...config }, parts);
  closeLater(watcher.close, () => one.uplink.stop());
  one.start();
  await eventually(() => one.uplink.counters.connected, 'a connection');
  return { one, watcher, url: broker.url };
}

const document = JSON.parse(readFileSync(new URL('../../agent/contract/asyncapi.json', import.meta.url), 'utf8'));
const ajv = new Ajv({ strict: false, validateFormats: false });
function expectValid(watcher: Subscriber, name: string): void {
  const validate = ajv.compile(document.channels[name].messages[name].payload);
  const payloads = watcher.texts(`whetstone/pi-1/${name}`).map((text) => JSON.parse(text));
  expect(payloads.length, name).toBeGreaterThan(0);
  for (const payload of payloads) expect(validate(payload), `${name}: ${JSON.stringify(validate.errors)}`).toBe(true);
}

const prediction = {
  timeMs: 3,
  kind: 'classes' as const,
  source: 'door',
  sample: 's1',
  label: 'cat',
  confidence: 0.9,
  release: 'base',
  latencyMs: 4.5,
};
const query = {
  timeMs: 4,
  sample: 's1',
  source: 'door',
  kind: 'classes' as const,
  guesses: [{ label: 'cat', confidence: 0.4 }],
  thumbnail: null,
};
const health = {
  temperatureC: 51.5,
  throttled: [],
  load1: 0.3,
  memory: { totalMb: 4000, freeMb: 2000, residentMb: 90 },
  disk: null,
  degraded: ['camera: no frame for 5 s'],
};
const info: Omit<Info, 'timeMs'> = {
  agent: { name: 'whetstone', version: '0.1.0' },
  device: 'pi-1',
  hardware: { board: 'Raspberry Pi 5', arch: 'arm64', cpus: 4, memoryMb: 4000, os: 'Linux' },
  runtime: { version: '1.30.0', providers: ['cpu'] },
  model: { name: 'm', sha256: 'a'.repeat(64), classes: ['cat', 'dog'] },
  release: 'base',
  capabilities: ['label'],
};
const report: TrainingReport = {
  run: 'r1',
  startedAtMs: 1,
  reason: 'schedule',
  learner: 'closed-form',
  classes: ['cat', 'dog'],
  samples: { train: 40, holdout: 10 },
  before: { value: 0.5, samples: 10, low: 0.2, high: 0.8 },
  after: { value: 0.9, samples: 10, low: 0.6, high: 0.98 },
  confusion: [
    [5, 0],
    [1, 4],
  ],
  base: null,
  verdict: { kind: 'accepted', reason: 'better' },
  release: '000001-abcdef01',
  seconds: { train: 0.1, total: 0.2 },
  peakRssMb: 120,
};

describe.skipIf(mosquittoMissing)(`reports${needsMosquitto}`, () => {
  it('arrive as their schemas say; state, report and model are retained', async () => {
    const { one, watcher, url } = await setUp();
    one.uplink.publishInfo(info);
    one.uplink.publishHealth(health);
    one.uplink.publishPrediction(prediction);
    one.uplink.publishQuery(query);
    one.uplink.publishTraining({ run: 'r1', done: 1, total: 9, what: 'epochs' });
    one.uplink.publishReport(report);
    const names = ['info', 'health', 'prediction', 'query', 'training', 'report'];
    await watcher.until((all) => names.every((name) => all.some((m) => m.topic === `whetstone/pi-1/${name}`)), 'all topics');
    for (const name of names) expectValid(watcher, name);
    const late = await subscribe(url, 'whetstone/#');
    closeLater(late.close);
    await late.until((all) => all.length >= 4, 'retained messages');
    expect(late.received.map((m) => m.topic.split('/')[2]).sort()).toEqual(['health', 'info', 'report', 'status']);
  });

  it('lose the largest and least missed part where they would not fit', async () => {
    const { one, watcher } = await setUp();
    const classes = Array.from({ length: 400 }, (_, index) => `class ${index}`);
    const confusion = classes.map(() => classes.map(() => 0));
    one.uplink.publishReport({ ...report, classes, confusion });
    const many = Array.from({ length: 21_000 }, (_, index) => `class ${index}`);
    one.uplink.publishInfo({ ...info, model: { ...info.model, classes: many } });
    one.uplink.publishQuery({ ...query, thumbnail: Buffer.alloc(60_000).toString('base64') });
    await watcher.until((all) => all.some((m) => m.topic.endsWith('/report')) && all.some((m) => m.topic.endsWith('/info')), 'both');
    const parsed = (name: string) => JSON.parse(watcher.texts(`whetstone/pi-1/${name}`)[0] ?? '{}');
    expect(parsed('report')).toMatchObject({ confusion: null, classes });
    expect(parsed('info').model.classes).toBeNull();
    for (const { payload } of watcher.received) expect(payload.byteLength).toBeLessThanOrEqual(maxMessageBytes);
  });

  it('of the moment are dropped and counted while the broker is away; the others wait', async () => {
    const broker = await openBroker();
    await broker.stop();
    const one = createTestDevice({ url: broker.url, retryMaxMs: 50 });
    closeLater(() => one.uplink.stop());
    one.start();
    for (let number = 0; number < 5; number += 1) one.uplink.publishPrediction(prediction);
    one.uplink.publishQuery(query);
    one.uplink.publishReport(report);
    one.uplink.publishHealth({ ...health, load1: 1 });
    one.uplink.publishHealth({ ...health, load1: 2 });
    expect(one.uplink.counters).toMatchObject({ dropped: 5, waiting: 2 });
    expect(one.uplink.dropped).toBe(5);
    await broker.start();
    const watcher = await subscribe(broker.url, 'whetstone/#');
    closeLater(watcher.close);
    await watcher.until(() => watcher.texts('whetstone/pi-1/health').length > 0, 'health');
    expect(JSON.parse(watcher.texts('whetstone/pi-1/health').at(-1) ?? '')).toMatchObject({ load1: 2, outbox: { waiting: 2 } });
    await eventually(() => one.uplink.counters.waiting === 0, 'an empty outbox');
  });

  it('of predictions go through the outbox, or nowhere, where the configuration says so', async () => {
    const kept = createTestDevice({ url: 'mqtt://localhost:1', predictions: 'outbox' });
    kept.uplink.publishPrediction(prediction);
    expect(kept.store.messages.size).toBe(1);
    const off = createTestDevice({ url: 'mqtt://localhost:1', predictions: 'off' });
    off.uplink.publishPrediction(prediction);
    expect([off.store.messages.size, off.uplink.dropped]).toEqual([0, 0]);
  });

  it('of progress are at most one a second, and the last one', async () => {
    const { one, watcher } = await setUp();
    for (let done = 0; done <= 100; done += 1) one.uplink.publishTraining({ run: 'r1', done, total: 100, what: 'epochs' });
    one.uplink.publishQuery(query);
    await watcher.until((all) => all.some((m) => m.topic.endsWith('/query')), 'the query after them');
    expect(watcher.texts('whetstone/pi-1/training').map((text) => JSON.parse(text).done)).toEqual([0, 100]);
  });

  it('of progress go on where the clock was set back', async () => {
    const clock = { atMs: 10 * 3_600_000, passedMs: 0, now: () => clock.atMs, monotonicMs: () => clock.passedMs };
    const { one, watcher } = await setUp({}, { clock });
    one.uplink.publishTraining({ run: 'r1', done: 1, total: 9, what: 'epochs' });
    clock.atMs -= 3_600_000;
    clock.passedMs += 2000;
    one.uplink.publishTraining({ run: 'r1', done: 2, total: 9, what: 'epochs' });
    await watcher.until(() => watcher.texts('whetstone/pi-1/training').length === 2, 'both');
  });

  it('that break their schema are logged and counted, never sent', async () => {
    const { one, watcher } = await setUp();
    one.uplink.publishPrediction({ ...prediction, confidence: Number.NaN });
    one.uplink.publishPrediction(prediction);
    await watcher.until((all) => all.some((m) => m.topic.endsWith('/prediction')), 'the good one');
    expect(watcher.texts('whetstone/pi-1/prediction')).toHaveLength(1);
    expect(one.uplink.counters.dropped).toBe(1);
    expect(one.lines.filter((line) => line.level === 'error')[0]?.text).toMatch(/confidence/);
  });
});
