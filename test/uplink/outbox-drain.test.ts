// Nothing that was put into the outbox is lost, and every topic keeps its order: over long absences, restarts, brokers that swallow
// packets, and ten thousand messages. A repetition is allowed only right after the same message, as QoS 1 has it.
import { describe, expect, it } from 'vitest';
import type { Outbox } from '../../agent/types.ts';
import { mosquittoMissing, needsMosquitto, startSmallBroker } from '../broker.ts';
import { createTestDevice, eventually } from './device.ts';
import { everySecond, type PacketProxy, startProxy } from './dropping-proxy.ts';
import { closeLater, openBroker } from './opened.ts';
import { type Subscriber, subscribe } from './subscriber.ts';

function device(...args: Parameters<typeof createTestDevice>) {
  const created = createTestDevice(...args);
  closeLater(() => created.uplink.stop());
  return created;
}

async function watch(url: string, options = {}): Promise<Subscriber> {
  const subscriber = await subscribe(url, 'whetstone/pi-1/t/#', options);
  closeLater(subscriber.close);
  return subscriber;
}

async function proxied(port: number, swallow: Parameters<typeof startProxy>[1]): Promise<PacketProxy> {
  const proxy = await startProxy(port, swallow);
  closeLater(proxy.close);
  return proxy;
}

/** Messages 0 … count−1, dealt to `topics` topics in turn. */
function fill(outbox: Outbox, count: number, topics: number, first = 0): void {
  for (let number = first; number < first + count; number += 1) {
    const payload = Buffer.from(JSON.stringify({ timeMs: 1000 + number, number }));
    outbox.enqueue({ topic: `t/${number % topics}`, payload, retain: false, timeMs: 1000 + number, replaceKey: null, priority: 'high' });
  }
}

const numbersByTopic = (watcher: Subscriber): Map<string, number[]> => {
  const byTopic = new Map<string, number[]>();
  for (const { topic, payload } of watcher.received) {
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), JSON.parse(payload.toString()).number]);
  }
  return byTopic;
};

/** All of 0 … count−1 came, in order by topic; gives how many came twice. */
function expectComplete(watcher: Subscriber, count: number): number {
  let repeated = 0;
  const all = new Set<number>();
  for (const [topic, numbers] of numbersByTopic(watcher)) {
    const once = numbers.filter((number, index) => number !== numbers[index - 1]);
    repeated += numbers.length - once.length;
    expect(once, `order on ${topic}`).toEqual(once.toSorted((a, b) => a - b));
    for (const number of once) all.add(number);
  }
  expect(all.size).toBe(count);
  return repeated;
}

const distinct = (watcher: Subscriber) => new Set(watcher.received.map((message) => message.payload.toString())).size;

describe.skipIf(mosquittoMissing)(`the outbox drain${needsMosquitto}`, () => {
  it('sends what waited since before there was a broker, with its original time', async () => {
    const server = await openBroker({ persistent: true });
    const session = { clientId: 'watcher', clean: false, properties: { sessionExpiryInterval: 3600 } };
    const watcher = await watch(server.url, session);
    await server.stop();
    const one = device({ url: server.url, retryMaxMs: 50 });
    fill(one.store.outbox, 50, 5);
    one.start();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(one.uplink.counters.waiting).toBe(50);
    await server.start();
    await watcher.until(() => distinct(watcher) === 50, 'all messages');
    expectComplete(watcher, 50);
    for (const { payload, timeMs } of watcher.received) expect(timeMs).toBe(String(JSON.parse(String(payload)).timeMs));
  });

  it('loses nothing where every second PUBLISH is swallowed', async () => {
    const { url, port } = await openBroker();
    const watcher = await watch(url);
    const proxy = await proxied(port, everySecond('publish', 'client'));
    const one = device({ url: `mqtt://localhost:${proxy.port}`, ackTimeoutMs: 120 });
    fill(one.store.outbox, 40, 4);
    one.start();
    await watcher.until(() => distinct(watcher) === 40, 'all messages');
    expectComplete(watcher, 40);
    await eventually(() => one.uplink.counters.waiting === 0, 'an empty outbox');
    expect(proxy.swallowed).toBeGreaterThan(4);
    expect(one.uplink.counters.reconnects).toBeGreaterThan(4);
  });

  it('loses nothing where every second PUBACK is swallowed, and repeats only what was not acknowledged', async () => {
    const { url, port } = await openBroker();
    const watcher = await watch(url);
    const proxy = await proxied(port, everySecond('puback', 'broker'));
    const one = device({ url: `mqtt://localhost:${proxy.port}`, ackTimeoutMs: 120 });
    fill(one.store.outbox, 40, 4);
    one.start();
    await eventually(() => one.uplink.counters.waiting === 0, 'an empty outbox');
    await watcher.until(() => distinct(watcher) === 40, 'all messages');
    const repeated = expectComplete(watcher, 40);
    expect(repeated).toBeGreaterThan(0);
    // Each new connection repeats what was unacknowledged on the one before: at most one message a topic.
    expect(repeated).toBeLessThanOrEqual(4 * one.uplink.counters.reconnects);
  });

  it('loses nothing when the broker is killed in the middle, twice', async () => {
    const server = await openBroker({ persistent: true });
    const one = device({ url: server.url, messagesPerSecond: 2000, ackTimeoutMs: 500 });
    // A session that lives at the subscriber's side too: what a killed broker forgot is counted at the device, by acknowledgements.
    let acknowledged = 0;
    const killAt = [300, 900];
    let killed: Promise<void> = Promise.resolve();
    const { outbox } = one.store;
    const acknowledge = outbox.acknowledge.bind(outbox);
    outbox.acknowledge = (id) => {
      acknowledged += 1;
      acknowledge(id);
      if (acknowledged !== killAt[0]) return;
      killAt.shift();
      killed = server.stop(true).then(server.start);
    };
    fill(outbox, 2000, 40);
    one.start();
    await eventually(() => killAt.length === 0, 'both kills');
    await killed;
    await eventually(() => one.uplink.counters.waiting === 0, 'an empty outbox');
    expect(acknowledged).toBe(2000);
    expect(one.uplink.counters.reconnects).toBeGreaterThanOrEqual(2);
  });

  it('loses nothing when connections are cut at random moments', async () => {
    const { url, port } = await openBroker();
    const watcher = await watch(url);
    const proxy = await proxied(port, () => false);
    const one = device({ url: `mqtt://localhost:${proxy.port}`, messagesPerSecond: 4000 });
    const { outbox } = one.store;
    const acknowledge = outbox.acknowledge.bind(outbox);
    const cutAfter = Array.from({ length: 8 }, (_, cuts) => 300 * cuts + Math.ceil(Math.random() * 300));
    let acknowledged = 0;
    outbox.acknowledge = (id) => {
      acknowledge(id);
      acknowledged += 1;
      if (cutAfter.includes(acknowledged)) proxy.cut();
    };
    fill(outbox, 3000, 30);
    one.start();
    await eventually(() => one.uplink.counters.waiting === 0, 'an empty outbox');
    expect(one.uplink.counters.reconnects).toBeGreaterThanOrEqual(cutAfter.length);
    await watcher.until(() => distinct(watcher) === 3000, 'all messages');
    expectComplete(watcher, 3000);
  });

  it('drains ten thousand messages in order', async () => {
    const { url } = await openBroker();
    const watcher = await watch(url);
    const one = device({ url });
    fill(one.store.outbox, 10_000, 50);
    one.start();
    await watcher.until(() => watcher.received.length >= 10_000, '10,000 messages');
    expect(expectComplete(watcher, 10_000)).toBe(0);
    await eventually(() => one.uplink.counters.waiting === 0, 'an empty outbox');
  });

  it('keeps to the rate limit', async () => {
    const { url } = await openBroker();
    const watcher = await watch(url);
    const one = device({ url, messagesPerSecond: 80 });
    fill(one.store.outbox, 60, 60);
    // From before the first is sent: whatever holds up this process or the broker only makes it longer.
    const startedMs = performance.now();
    one.start();
    await watcher.until((all) => all.length === 60, 'all');
    // 20 at once, the other 40 at 80 a second.
    expect(performance.now() - startedMs).toBeGreaterThan(400);
  });

  it('never has more unacknowledged than the broker allows', async () => {
    const { port, url } = await openBroker({ lines: ['max_inflight_messages 3'] });
    const watcher = await watch(url);
    let open = 0;
    let most = 0;
    const proxy = await proxied(port, (packet, from) => {
      if (packet.cmd === 'publish' && packet.qos === 1 && from === 'client') open += 1;
      most = Math.max(most, open);
      if (packet.cmd === 'puback' && from === 'broker') open -= 1;
      return false;
    });
    const one = device({ url: `mqtt://localhost:${proxy.port}` });
    fill(one.store.outbox, 200, 100);
    one.start();
    await watcher.until(() => distinct(watcher) === 200, 'all');
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('drops, counts and names what the broker refuses for good, and goes on', async () => {
    const { url } = await openBroker({ lines: ['max_packet_size 2000'] });
    const watcher = await watch(url);
    const one = device({ url });
    const message = { retain: false, timeMs: 1, replaceKey: null, priority: 'high' } as const;
    one.store.outbox.enqueue({ ...message, topic: 't/large', payload: Buffer.alloc(5000, 'x') });
    one.store.outbox.enqueue({ ...message, topic: 't/small', payload: Buffer.from('{}') });
    one.start();
    await watcher.until((all) => all.some((m) => m.topic.endsWith('t/small')), 'the small one');
    await eventually(() => one.uplink.counters.waiting === 0, 'an empty outbox');
    expect(one.uplink.counters.refused).toBe(1);
    expect(one.lines.find((line) => line.level === 'error')?.text).toMatch(/t\/large.*2000/);
  });

  it('goes on when the store fails for a while', async () => {
    const { url } = await openBroker();
    const watcher = await watch(url);
    const one = device({ url });
    const { outbox } = one.store;
    let broken = 3;
    const acknowledge = outbox.acknowledge.bind(outbox);
    outbox.acknowledge = (id) => {
      broken -= 1;
      if (broken >= 0) throw new Error('disk full');
      acknowledge(id);
    };
    fill(outbox, 20, 2);
    one.start();
    await watcher.until(() => distinct(watcher) === 20, 'all');
    await eventually(() => one.uplink.counters.waiting === 0, 'an empty outbox');
    expect(expectComplete(watcher, 20)).toBe(0);
    expect(one.lines.filter((line) => line.text.includes('disk full')).length).toBeGreaterThan(0);
  });
});

describe('a broker that ends the connection at a topic (aedes, MQTT 3.1.1)', () => {
  it('is told everything else; what it will not have is set aside, counted and named, and tried again after a restart', async () => {
    const { aedes, url, close } = await startSmallBroker();
    closeLater(close);
    const seen: string[] = [];
    let denied = true;
    aedes.authorizePublish = (_client, packet, callback) => {
      const isDenied = denied && packet.topic.endsWith('t/denied');
      if (!isDenied) seen.push(packet.topic.split('/').slice(2).join('/'));
      callback(isDenied ? new Error('not authorized') : null);
    };
    const one = device({ url, retryMinMs: 5, retryMaxMs: 20 });
    const send = (topic: string) =>
      one.store.outbox.enqueue({
        topic: `t/${topic}`,
        payload: Buffer.from('{}'),
        retain: false,
        timeMs: 1,
        replaceKey: null,
        priority: 'high',
      });
    for (const topic of ['a', 'b', 'denied', 'c', 'd', 'e']) send(topic);
    one.start();
    await eventually(() => one.uplink.counters.refused === 1, 'one set aside', 30_000);
    await eventually(() => one.uplink.counters.waiting === 1, 'the rest has gone', 30_000);
    send('f');
    await eventually(() => seen.includes('t/f'), 'what comes later', 30_000);
    expect([...new Set(seen.filter((topic) => topic.startsWith('t/')))].sort()).toEqual(['t/a', 't/b', 't/c', 't/d', 't/e', 't/f']);
    expect(one.lines.filter((line) => line.text.includes('set aside'))).toHaveLength(1);
    await one.uplink.stop();
    denied = false;
    const again = createTestDevice({ url, retryMinMs: 5 }, { store: one.store });
    closeLater(() => again.uplink.stop());
    again.start();
    await eventually(() => seen.includes('t/denied'), 'what was set aside', 30_000);
  });
});
