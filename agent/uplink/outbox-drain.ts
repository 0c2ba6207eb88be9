// Outbox → broker: what must not be lost, oldest first, deleted on acknowledgement. One unacknowledged message a topic keeps the order
// even where a broker swallows messages; different topics share a small window. Refuses nothing; a silent broker is connected to again. A
// message that ends the connection each time is set aside until the next start, and the rest goes on.

import { type Address, topicOf } from '../contract/topics.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Connection, ConnectionLost, PublishRefused } from '../mqtt/client.ts';
import type { RateLimit } from '../mqtt/rate-limit.ts';
import type { Outbox, OutboxMessage } from '../types.ts';
import type { Suspects } from './suspects.ts';

export interface DrainOptions {
  readonly address: Address;
  /** The bytes of a message that was enqueued without: a chunk of weights, by its topic; null where there are none any more. */
  read(topic: string): Promise<Uint8Array | null>;
  /** Shared with whoever else sends on the connection. */
  readonly suspects: Suspects<string | number>;
  /** Unacknowledged messages at once, far below the 65,535 packet ids; the broker's receive maximum limits it too. */
  readonly window: number;
  /** What makes no progress for this long will make none. */
  readonly stuckMs?: number | undefined;
}

export interface Drain {
  up(connection: Connection): void;
  down(): void;
  /** Something was enqueued. */
  wake(): void;
  stop(): void;
  /** A message ended the connection again and again: it stays in the outbox and is tried again after the next start. */
  setAside(id: number): void;
  /** Messages that the broker refused for good (not authorized, too large), which are deleted and logged. */
  readonly refused: number;
  /** For the watchdog: while there is a connection, the outbox is looked at, and what was sent has an end, whatever the broker does. */
  isAlive(): boolean;
}

type Waiting = OutboxMessage & { readonly id: number };

/** Messages in memory at once: at 128 KB each, 4 MB. */
const bufferLength = 32;
/** The store has no bell for what others enqueue, so it is looked at this often. */
const pollMs = 1000;
/** A message that the broker does not acknowledge ends its connection long before. */
const stuckMs = 5 * 60_000;
/** Not authorized, topic name invalid, packet too large, payload format invalid: the same message would be refused again. */
const refusedForGood: ReadonlySet<number> = new Set([135, 144, 149, 153]);

export function createDrain(options: DrainOptions, outbox: Outbox, rate: RateLimit, log: Log, restart: (reason: string) => void): Drain {
  let connection: Connection | null = null;
  /** Read from the store, not sent yet; in order. */
  let buffer: Waiting[] = [];
  let readTo: number | undefined;
  let refused = 0;
  /** id → what was sent on this connection and is not acknowledged. */
  const inFlight = new Map<number, { readonly topic: string; readonly sinceMs: number }>();
  /** Of the monotonic clock. */
  let pumpedMs = performance.now();
  /** Acknowledged by the broker, but the store could not delete it yet (disk full): not sent again in this life. */
  const undeleted = new Set<number>();
  const complained = new Set<string>();
  const { suspects } = options;
  let timer: NodeJS.Timeout | null = null;

  function later(ms: number): void {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      pump();
    }, ms);
  }

  function refill(): void {
    if (buffer.length > bufferLength / 2) return;
    for (let more = next(); more.length > 0; more = next()) {
      readTo = more.at(-1)?.id ?? readTo;
      buffer.push(...more.filter(({ id }) => !undeleted.has(id) && !suspects.isSetAside(id)));
      if (buffer.length > 0) return;
    }
  }

  function next(): readonly Waiting[] {
    return outbox.pending(bufferLength - buffer.length, readTo);
  }

  function remove(id: number): void {
    undeleted.add(id);
    outbox.acknowledge(id);
    undeleted.delete(id);
  }

  /** Sends what may go out now; called again on every acknowledgement, on wake, and by the poll. */
  function pump(): void {
    const open = connection;
    if (open === null) return;
    pumpedMs = performance.now();
    let waitMs = pollMs;
    try {
      for (const id of [...undeleted]) remove(id);
      refill();
      waitMs = sendAll(open);
    } catch (error) {
      complainOnce('store', `the outbox cannot be read or written: ${messageOf(error)}`);
    }
    later(waitMs);
  }

  /** Gives the milliseconds until the rate limit lets more through. */
  function sendAll(open: Connection): number {
    const { alone } = suspects;
    const suspect = buffer.find(({ id }) => id === alone);
    if (suspect !== undefined) return suspects.mayGo(suspect.id) ? sendAlone(open, suspect) : pollMs;
    // The one that is under suspicion is in flight alone, or it is the retained state's.
    if (typeof alone === 'string' || (alone !== undefined && inFlight.has(alone))) return pollMs;
    // It may have made room for others meanwhile.
    if (alone !== undefined && outbox.pending(1, alone - 1)[0]?.id !== alone) suspects.taken(alone);
    const busy = new Set([...inFlight.values()].map(({ topic }) => topic));
    const room = () => Math.min(options.window, open.receiveMaximum) - inFlight.size;
    const rest: Waiting[] = [];
    let waitMs = 0;
    for (const [index, message] of buffer.entries()) {
      if (room() <= 0) {
        rest.push(...buffer.slice(index));
        break;
      }
      if (busy.has(message.topic)) {
        rest.push(message);
        continue;
      }
      waitMs = rate.take();
      if (waitMs > 0) {
        rest.push(...buffer.slice(index));
        break;
      }
      busy.add(message.topic);
      void send(open, message);
    }
    buffer = rest;
    return waitMs > 0 ? waitMs : pollMs;
  }

  function sendAlone(open: Connection, message: Waiting): number {
    const waitMs = rate.take();
    if (waitMs > 0) return waitMs;
    buffer = buffer.filter(({ id }) => id !== message.id);
    void send(open, message);
    return pollMs;
  }

  async function send(open: Connection, message: Waiting): Promise<void> {
    inFlight.set(message.id, { topic: message.topic, sinceMs: performance.now() });
    suspects.sent(message.id);
    const payload = await payloadOf(message);
    if (open !== connection) return;
    if (payload === null) {
      inFlight.delete(message.id);
      deleted(message.id);
      return pump();
    }
    const outcome = await open
      .publish({
        topic: topicOf(options.address, message.topic),
        payload,
        retain: message.retain,
        qos: 1,
        timeMs: message.timeMs,
        contentType: message.topic.startsWith('model/') ? 'application/octet-stream' : 'application/json',
      })
      .then(
        () => null,
        (error: unknown) => error,
      );
    // Another connection has begun, and with it another reading of the outbox.
    if (open !== connection) return;
    if (outcome === null || outcome instanceof PublishRefused) inFlight.delete(message.id);
    if (outcome === null) deleted(message.id);
    else if (outcome instanceof PublishRefused && refusedForGood.has(outcome.reason)) {
      refused += 1;
      complainOnce(`refused ${message.topic}`, `the broker refuses messages on '${message.topic}': ${outcome.message}; they are dropped`);
      deleted(message.id);
    } else {
      if (outcome instanceof PublishRefused) suspects.ended(message.id);
      // Sent again on the next connection, from the oldest on.
      down();
      if (!(outcome instanceof ConnectionLost)) restart(`a message on '${message.topic}' was not taken: ${messageOf(outcome)}`);
    }
    pump();
  }

  async function payloadOf({ topic, payload }: Waiting): Promise<Uint8Array | null> {
    if (payload.byteLength > 0 || !topic.startsWith('model/')) return payload;
    return options.read(topic).catch((error: unknown) => {
      complainOnce(`read ${topic}`, `weights cannot be read: ${messageOf(error)}`);
      return null;
    });
  }

  function deleted(id: number): void {
    suspects.taken(id);
    try {
      remove(id);
      complained.delete('store');
    } catch (error) {
      complainOnce('store', `the outbox cannot delete what was sent: ${messageOf(error)}`);
    }
  }

  function complainOnce(key: string, message: string): void {
    if (!complained.has(key)) log.error(message);
    complained.add(key);
  }

  function down(): void {
    connection = null;
    inFlight.clear();
    buffer = [];
    readTo = undefined;
    if (timer !== null) clearTimeout(timer);
    timer = null;
  }

  return {
    up(opened) {
      down();
      connection = opened;
      pump();
    },
    down,
    wake: pump,
    stop: down,
    setAside(id) {
      complainOnce(
        `aside ${id}`,
        `the broker ends the connection at message ${id} of the outbox, each time: it is set aside until the next start`,
      );
    },
    isAlive() {
      if (connection === null) return true;
      // In the order in which they were sent.
      const [oldest] = inFlight.values();
      return performance.now() - Math.min(pumpedMs, oldest?.sinceMs ?? pumpedMs) < (options.stuckMs ?? stuckMs);
    },
    get refused() {
      return refused;
    },
  };
}
