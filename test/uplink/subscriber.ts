// A plain MQTT subscriber for tests: remembers what came, waits for what should come.
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';

export interface Received {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retained: boolean;
  readonly timeMs: string | null;
}

export interface Subscriber {
  readonly client: MqttClient;
  readonly received: Received[];
  /** Resolves when `enough` holds of what came so far; rejects after `timeoutMs`. */
  until(enough: (received: readonly Received[]) => boolean, what: string, timeoutMs?: number): Promise<void>;
  /** Payloads on one topic as text, in order. */
  texts(topic: string): readonly string[];
  send(topic: string, payload: string | Buffer, retain?: boolean): Promise<unknown>;
  close(): Promise<void>;
}

export async function subscribe(url: string, filter: string, options: IClientOptions = {}): Promise<Subscriber> {
  const client = await connectAsync(url, { protocolVersion: 5, reconnectPeriod: 50, ...options });
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  client.on('message', (topic, payload, packet) => {
    const time = packet.properties?.userProperties?.timeMs;
    received.push({ topic, payload, retained: packet.retain, timeMs: typeof time === 'string' ? time : null });
    for (const check of waiting) check();
  });
  await client.subscribeAsync(filter, { qos: 1 });
  return {
    client,
    received,
    until: (enough, what, timeoutMs = 60_000) =>
      new Promise((resolve, reject) => {
        const done = () => {
          clearTimeout(timer);
          waiting.delete(check);
        };
        const check = () => {
          if (!enough(received)) return;
          done();
          resolve();
        };
        const timer = setTimeout(() => {
          done();
          const last = received.slice(-5).map((message) => `${message.topic} ${message.payload.subarray(0, 120)}`);
          reject(new Error(`${what} did not come; ${received.length} messages did, the last: ${last.join(' | ')}`));
        }, timeoutMs);
        waiting.add(check);
        check();
      }),
    texts: (topic) => received.filter((message) => message.topic === topic).map((message) => message.payload.toString()),
    send: (topic, payload, retain = false) => client.publishAsync(topic, payload, { qos: 1, retain }),
    close: () => client.endAsync(true),
  };
}
