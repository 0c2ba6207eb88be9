// Typed publishers, one a topic: values in, messages out by the route that the topic contract states. A message that would not fit loses
// what is largest and least missed (a confusion matrix, a thumbnail, class names); one that breaks its schema is logged and counted.

import { fitted } from '../contract/fit-schema.ts';
import type { Health, Info, ModelManifest, Prediction, Query, Status, TrainingProgress } from '../contract/payloads.ts';
import { type Address, encodeJson, maxMessageBytes, type TopicName, topicOf, topics } from '../contract/topics.ts';
import { chunkMessages, type DeltaFacts, describeDelta, type PublishedModel } from '../contract/weights.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Connection } from '../mqtt/client.ts';
import type { RateLimit } from '../mqtt/rate-limit.ts';
import type { Clock, Outbox, OutboxMessage, TrainingReport } from '../types.ts';
import type { RetainedState } from './retained-state.ts';

export interface ReportPorts {
  readonly address: Address;
  readonly outbox: Outbox;
  readonly state: RetainedState;
  readonly rate: RateLimit;
  readonly clock: Clock;
  readonly log: Log;
  readonly chunkBytes: number;
  /** `outbox` keeps predictions over an outage, at one flash write each. */
  readonly predictions: 'live' | 'outbox' | 'off';
  connection(): Connection | null;
  /** The outbox has something new. */
  wake(): void;
}

export interface Reports {
  publishStatus(status: Status): void;
  publishInfo(info: Omit<Info, 'timeMs'>): void;
  publishHealth(health: Omit<Health, 'timeMs' | 'outbox' | 'dropped'>): void;
  publishPrediction(prediction: Prediction): void;
  publishQuery(query: Query): void;
  /** At most one a second, and the last one of a run (`done` = `total`). */
  publishTraining(progress: Omit<TrainingProgress, 'timeMs'>): void;
  publishReport(report: TrainingReport): void;
  /** The manifest and, with `chunks`, the weights; `delta` null where the base model itself is current. Gives the number of chunks. */
  publishModel(model: PublishedModel, delta: DeltaFacts | null, chunks: boolean): number;
  /** Live messages dropped: the broker was away, the rate limit reached, or they broke their schema. */
  readonly dropped: number;
}

const progressEveryMs = 1000;

export function createReports(ports: ReportPorts): Reports {
  const { outbox, clock, log } = ports;
  let dropped = 0;
  let lastProgressMs = Number.NEGATIVE_INFINITY;

  /** null where it broke its schema or stays too large in every form; `forms` from the whole to the smallest. */
  function encode(name: TopicName, ...forms: readonly (() => unknown)[]): Uint8Array | null {
    const { content } = topics[name];
    if (content.kind !== 'json') return null;
    try {
      for (const form of forms) {
        const payload = encodeJson(name, content.schema, fitted(content.schema, form()));
        if (payload.byteLength <= maxMessageBytes) return payload;
      }
      log.error({ topic: name }, `a message is larger than ${maxMessageBytes} bytes and was dropped`);
    } catch (error) {
      log.error({ topic: name }, messageOf(error));
    }
    dropped += 1;
    return null;
  }

  function setState(name: 'info' | 'health', payload: Uint8Array | null): void {
    if (payload !== null) ports.state.set(name, payload, clock.now(), 'application/json');
  }

  function enqueue(
    name: TopicName,
    payload: Uint8Array | null,
    timeMs: number,
    rest: Pick<OutboxMessage, 'priority' | 'replaceKey'>,
  ): void {
    if (payload === null) return;
    outbox.enqueue({ topic: name, payload, retain: topics[name].retained, timeMs, ...rest });
    ports.wake();
  }

  function live(name: TopicName, payload: Uint8Array | null, timeMs: number): void {
    if (payload === null) return;
    const connection = ports.connection();
    if (connection === null || ports.rate.take() > 0) {
      dropped += 1;
      return;
    }
    connection
      .publish({ topic: topicOf(ports.address, name), payload, timeMs, retain: false, qos: 0, contentType: 'application/json' })
      .catch(() => {
        dropped += 1;
      });
  }

  return {
    publishStatus: (status) => ports.state.set('status', Buffer.from(status), clock.now(), 'text/plain'),
    publishInfo(info) {
      const whole = { timeMs: clock.now(), ...info };
      setState(
        'info',
        encode(
          'info',
          () => whole,
          () => ({ ...whole, model: { ...whole.model, classes: null } }),
        ),
      );
    },
    publishHealth(health) {
      setState(
        'health',
        encode('health', () => ({ timeMs: clock.now(), ...health, outbox: { ...outbox.counters }, dropped })),
      );
    },
    publishPrediction(prediction) {
      if (ports.predictions === 'off') return;
      const payload = encode('prediction', () => prediction);
      if (ports.predictions === 'live') live('prediction', payload, prediction.timeMs);
      else enqueue('prediction', payload, prediction.timeMs, { priority: 'low', replaceKey: null });
    },
    publishQuery(query) {
      const payload = encode(
        'query',
        () => query,
        () => ({ ...query, thumbnail: null }),
      );
      enqueue('query', payload, query.timeMs, { priority: 'low', replaceKey: null });
    },
    publishTraining(progress) {
      const [timeMs, nowMs] = [clock.now(), clock.monotonicMs()];
      if (nowMs - lastProgressMs < progressEveryMs && progress.done !== progress.total) return;
      lastProgressMs = nowMs;
      live(
        'training',
        encode('training', () => ({ timeMs, ...progress })),
        timeMs,
      );
    },
    publishReport(report) {
      const whole = { timeMs: clock.now(), ...report };
      const payload = encode(
        'report',
        () => whole,
        () => ({ ...whole, confusion: null }),
        () => ({ ...whole, confusion: null, classes: [] }),
      );
      enqueue('report', payload, whole.timeMs, { priority: 'high', replaceKey: null });
    },
    publishModel(model, delta, chunks) {
      const timeMs = clock.now();
      const described = delta === null ? null : describeDelta(delta, ports.chunkBytes);
      const whole: ModelManifest = { timeMs, ...model, delta: described };
      enqueue(
        'model',
        encode(
          'model',
          () => whole,
          () => ({ ...whole, classes: null }),
        ),
        timeMs,
        { priority: 'high', replaceKey: 'model' },
      );
      if (delta === null || !chunks) return 0;
      const messages = chunkMessages(model.version, delta, ports.chunkBytes, timeMs);
      outbox.enqueueAll(messages);
      ports.wake();
      return messages.length;
    },
    get dropped() {
      return dropped;
    },
  };
}
