// A broker (aedes, MQTT 3.1.1) that ends the connection at one of the retained topics: that one is left out, and everything else is heard.
import { describe, expect, it } from 'vitest';
import { startSmallBroker } from '../broker.ts';
import { createTestDevice, eventually } from './device.ts';
import { closeLater } from './opened.ts';

const health = {
  temperatureC: null,
  throttled: [],
  load1: 0.3,
  memory: { totalMb: 4000, freeMb: 2000, residentMb: 90 },
  disk: null,
  degraded: [],
};

describe('a retained topic at which the broker ends the connection', () => {
  it('is set aside, counted and named, holds back nothing else, and is tried again after an hour', async () => {
    const { aedes, url, close } = await startSmallBroker();
    closeLater(close);
    const seen: string[] = [];
    let denied = true;
    let connections = 0;
    aedes.on('clientReady', () => {
      connections += 1;
    });
    aedes.authorizePublish = (_client, { topic }, callback) => {
      const isDenied = denied && topic.endsWith('/health');
      if (!isDenied) seen.push(topic.split('/').slice(2).join('/'));
      callback(isDenied ? new Error('not authorized') : null);
    };
    let aheadMs = 0;
    const clock = { now: () => Date.now(), monotonicMs: () => performance.now() + aheadMs };
    const one = createTestDevice({ url, retryMinMs: 5, retryMaxMs: 20 }, { clock });
    closeLater(() => one.uplink.stop());
    one.uplink.publishHealth(health);
    one.uplink.publishTraining({ run: 'r', done: 1, total: 1, what: 'x' });
    for (const topic of ['t/a', 't/b', 't/c'])
      one.store.outbox.enqueue({ topic, payload: Buffer.from('{}'), retain: false, timeMs: 1, replaceKey: null, priority: 'high' });
    one.start();
    await eventually(() => one.uplink.counters.refused === 1, 'one set aside', 30_000);
    await eventually(() => one.uplink.counters.waiting === 0, 'an empty outbox', 30_000);
    await eventually(() => seen.includes('status'), 'the status', 30_000);
    expect(one.lines.filter(({ text }) => text.includes('set aside')).map(({ text }) => text)).toEqual([
      expect.stringContaining("at 'health'"),
    ]);
    expect(['t/a', 't/b', 't/c'].every((topic) => seen.includes(topic))).toBe(true);
    const before = connections;
    one.uplink.publishHealth(health);
    one.store.outbox.enqueue({ topic: 't/d', payload: Buffer.from('{}'), retain: false, timeMs: 1, replaceKey: null, priority: 'high' });
    await eventually(() => seen.includes('t/d'), 'what comes later', 30_000);
    expect(connections).toBe(before);
    // Still denied: one connection is what the try costs. It goes alone, so it waits for what is on its way, and is sent when that is taken.
    aheadMs += 3_600_001;
    one.store.outbox.enqueue({ topic: 't/e', payload: Buffer.from('{}'), retain: false, timeMs: 1, replaceKey: null, priority: 'high' });
    one.uplink.publishHealth(health);
    await eventually(() => connections === before + 1 && one.uplink.counters.refused === 1, 'one more try', 30_000);
    denied = false;
    aheadMs += 3_600_001;
    one.uplink.publishHealth(health);
    await eventually(() => seen.includes('health'), 'the health of the device', 30_000);
    expect(one.uplink.counters.refused).toBe(0);
    expect(connections).toBe(before + 1);
  });
});
