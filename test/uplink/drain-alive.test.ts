// Whether the drain makes progress, for the watchdog: a broker that is away or slow is none of its faults, an end that never comes is.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { addressOf } from '../../agent/contract/topics.ts';
import type { Connection } from '../../agent/mqtt/client.ts';
import { createRateLimit } from '../../agent/mqtt/rate-limit.ts';
import { createDrain, type Drain } from '../../agent/uplink/outbox-drain.ts';
import { createSuspects } from '../../agent/uplink/suspects.ts';
import { rememberingLog } from './device.ts';
import { createMemoryStore } from './memory-store.ts';

let drain: Drain | null = null;
afterEach(() => drain?.stop());

/** A connection on which messages end as `publish` says. */
const connectionOf = (publish: Connection['publish']): Connection => ({
  ...{ version: 5, sessionPresent: false, maximumPacketBytes: null, receiveMaximum: 100, publish },
  ...{ subscribe: async () => {}, end: async () => {}, drop() {}, closed: new Promise(() => {}) },
});

const message = (topic: string, bytes: number) =>
  ({ topic, payload: new Uint8Array(bytes), retain: false, timeMs: 1, replaceKey: null, priority: 'high' }) as const;

it('lives without a connection, with nothing to send and while messages are taken; not where one comes to no end', async () => {
  const { outbox } = createMemoryStore();
  const { log } = rememberingLog();
  const stuckMs = 300;
  drain = createDrain(
    {
      address: addressOf('whetstone', 'pi'),
      window: 4,
      suspects: createSuspects({ setAside: () => {}, changed: () => {} }),
      read: () => new Promise(() => {}),
      stuckMs,
    },
    outbox,
    createRateLimit(1000),
    log,
    () => {},
  );
  outbox.enqueue(message('t/1', 10));
  await sleep(2 * stuckMs);
  expect(drain.isAlive()).toBe(true);
  drain.up(connectionOf(async () => {}));
  await sleep(2 * stuckMs);
  outbox.enqueue(message('t/2', 10));
  drain.wake();
  await sleep(10);
  expect(outbox.counters.waiting).toBe(0);
  expect(drain.isAlive()).toBe(true);
  // Weights of a release on a disk that never answers: other messages go out, and this one never does.
  outbox.enqueue(message('model/000001-abcdef01/0', 0));
  outbox.enqueue(message('t/3', 10));
  drain.wake();
  await sleep(10);
  expect([outbox.counters.waiting, drain.isAlive()]).toEqual([1, true]);
  await sleep(stuckMs);
  drain.wake();
  expect(drain.isAlive()).toBe(false);
  // A lost connection begins anew.
  drain.down();
  expect(drain.isAlive()).toBe(true);
});
