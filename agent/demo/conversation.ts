// Talking with the device over its broker, as a dashboard would: waits for messages, sends commands and waits for their answers. Takes what it
// publishes through its own schemas; gives null, or throws `daemon-unreachable`, where no answer comes in time.

import { predictionSchema } from '../contract/payloads.ts';
import { WhetError } from '../errors.ts';
import type { Broker } from './broker.ts';

export interface Understood {
  readonly understood: string;
  readonly confidence: number;
  readonly sample: string | null;
  readonly release: string;
  readonly latencyMs: number;
}

export interface Conversation {
  /** Resolves with the next message on this topic below the device for which `is` holds. */
  until(topic: string, is: (text: string) => boolean, timeoutMs: number): Promise<string>;
  /** What the device understood of what `say` plays; null where it heard nothing. */
  hear(say: () => Promise<void>): Promise<Understood | null>;
  /** Resolves with the answer; throws what the device refused. */
  command(type: string, payload: object, timeoutMs?: number): Promise<unknown>;
}

const hearMs = 10_000;
const commandMs = 15_000;
/** A word with a pause in it may come as two; what follows within this time belongs to the same word. */
const echoMs = 40;

type Listener = (topic: string, text: string) => void;

export function createConversation(broker: Broker, device: string, signal: AbortSignal): Conversation {
  const root = `whetstone/${device}`;
  const listeners = new Set<Listener>();
  let commands = 0;
  broker.onMessage(({ topic, payload }) => {
    if (!topic.startsWith(`${root}/`)) return;
    for (const listener of listeners) listener(topic.slice(root.length + 1), payload.toString('utf8'));
  });

  /** null where it does not come in time. */
  function next(wanted: string, is: (text: string) => boolean, timeoutMs: number): Promise<string | null> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        listeners.delete(listen);
        signal.removeEventListener('abort', abort);
        settle();
      };
      const listen: Listener = (topic, text) => {
        if (topic === wanted && is(text)) finish(() => resolve(text));
      };
      const abort = () => finish(() => reject(signal.reason));
      const timer = setTimeout(() => finish(() => resolve(null)), timeoutMs);
      listeners.add(listen);
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
    });
  }

  async function until(topic: string, is: (text: string) => boolean, timeoutMs: number): Promise<string> {
    const text = await next(topic, is, timeoutMs);
    if (text === null) throw new WhetError('daemon-unreachable', `the demo's device said nothing on '${topic}' for ${timeoutMs / 1000} s`);
    return text;
  }

  return {
    until,
    async hear(say) {
      const answer = next('prediction', () => true, hearMs);
      await say();
      const text = await answer;
      await new Promise((resolve) => setTimeout(resolve, echoMs));
      if (text === null) return null;
      const said = predictionSchema.parse(JSON.parse(text));
      if (said.kind !== 'classes') return null;
      const { label, confidence, sample, release, latencyMs } = said;
      return { understood: label, confidence, sample, release, latencyMs };
    },
    async command(type, payload, timeoutMs = commandMs) {
      commands += 1;
      const id = `demo-${commands}`;
      const answer = until(`result/${type}/${id}`, () => true, timeoutMs);
      // Where publishing fails, that is the error to tell.
      answer.catch(() => {});
      await broker.publish(`${root}/cmd/${type}/${id}`, JSON.stringify(payload));
      const result = JSON.parse(await answer);
      if (result.ok === true) return result;
      throw new WhetError('internal', `the demo's device refused '${type}': ${JSON.stringify(result)}`);
    },
  };
}
