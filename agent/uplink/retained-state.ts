// The retained topics that say how the device is: the newest value of each lives in memory and is sent when connected, again after a
// connection was lost. Nothing is written to flash: the next value supersedes it anyway. A topic at which the broker ends the connection each time is
// left out for an hour, so that the rest is heard.

import { type Address, topicOf } from '../contract/topics.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Connection, ConnectionLost, PublishRefused } from '../mqtt/client.ts';
import type { Clock } from '../types.ts';
import type { Suspects } from './suspects.ts';

export interface RetainedState {
  set(topic: string, payload: Uint8Array, timeMs: number, contentType: string): void;
  /** What the broker holds is not what we said (a last will that came late): says it again. */
  repeat(topic: string): void;
  /** `kept`: the broker was left with a goodbye, so it holds what was acknowledged. */
  up(connection: Connection, kept: boolean): void;
  down(): void;
  /** Others may go than a moment ago. */
  wake(): void;
  /** At this topic the broker ended the connection again and again. */
  setAside(topic: string): void;
  /** Resolves when everything is acknowledged, or at once where there is no connection. */
  settled(): Promise<void>;
}

interface Value {
  readonly payload: Uint8Array;
  readonly timeMs: number;
  readonly contentType: string;
  acknowledged: boolean;
}

export interface RetainedPorts {
  readonly address: Address;
  /** Shared with whoever else sends on the connection. */
  readonly suspects: Suspects<string | number>;
  readonly clock: Clock;
  readonly log: Log;
  restart(reason: string): void;
}

/** A broker may have been told better meanwhile; each try may cost a connection. */
const retryMs = 3_600_000;

export function createRetainedState({ address, suspects, clock, log, restart }: RetainedPorts): RetainedState {
  const values = new Map<string, Value>();
  const sending = new Map<string, Promise<void>>();
  /** When what was set aside is tried again, by the monotonic clock. */
  const retryAt = new Map<string, number>();
  let connection: Connection | null = null;

  function sendAll(): void {
    for (const [topic, value] of values) {
      // One at a time a topic, so that an older value never arrives after a newer one.
      if (connection === null || value.acknowledged || sending.has(topic) || !mayGo(topic)) continue;
      const open = connection;
      const done = send(open, topic, value).finally(() => {
        if (sending.get(topic) === done) sending.delete(topic);
        if (open === connection) sendAll();
      });
      sending.set(topic, done);
    }
  }

  function mayGo(topic: string): boolean {
    if (suspects.isSetAside(topic)) {
      if (clock.monotonicMs() < (retryAt.get(topic) ?? 0)) return false;
      suspects.retry(topic);
    }
    return suspects.mayGo(topic);
  }

  async function send(open: Connection, topic: string, value: Value): Promise<void> {
    suspects.sent(topic);
    try {
      const { payload, timeMs, contentType } = value;
      await open.publish({ topic: topicOf(address, topic), payload, timeMs, contentType, retain: true, qos: 1 });
      value.acknowledged = true;
      suspects.taken(topic);
    } catch (error) {
      if (open !== connection || error instanceof ConnectionLost) return;
      if (error instanceof PublishRefused) {
        // Said once a value; the next value tries again.
        value.acknowledged = true;
        suspects.taken(topic);
        log.error(`the broker refuses '${topic}': ${error.message}`);
        return;
      }
      connection = null;
      restart(`'${topic}' was not taken: ${messageOf(error)}`);
    }
  }

  return {
    set(topic, payload, timeMs, contentType) {
      values.set(topic, { payload, timeMs, contentType, acknowledged: false });
      sendAll();
    },
    repeat(topic) {
      const value = values.get(topic);
      if (value !== undefined) value.acknowledged = false;
      sendAll();
    },
    up(opened, kept) {
      connection = opened;
      sending.clear();
      if (!kept) for (const value of values.values()) value.acknowledged = false;
      sendAll();
    },
    down() {
      connection = null;
    },
    wake: sendAll,
    setAside(topic) {
      retryAt.set(topic, clock.monotonicMs() + retryMs);
      log.error(`the broker ends the connection at '${topic}', each time: it is set aside and tried again in an hour`);
    },
    async settled() {
      while (connection !== null && sending.size > 0) await Promise.all(sending.values());
    },
  };
}
