// The device's door to the broker: link, outbox drain, commands and publishers joined. Takes configuration, outbox, command log and the
// table of commands and what runs them; gives publishers and counters. Starts without a broker, never gives up, and stops within seconds.

import type { Taken } from '../contract/command-check.ts';
import type { RemoteWeights } from '../contract/command-contract.ts';
import { addressOf, parseChunkTopic, topicOf } from '../contract/topics.ts';
import type { ReceivedWeights } from '../contract/weights.ts';
import { messageOf, WhetError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { BrokerOptions, Connection, Incoming, ProtocolVersion } from '../mqtt/client.ts';
import { createLink } from '../mqtt/link.ts';
import { createRateLimit } from '../mqtt/rate-limit.ts';
import type { Clock, CommandLog, Outbox, OutboxMessage } from '../types.ts';
import { createCommands, type RunCommand } from './commands.ts';
import { createDrain } from './outbox-drain.ts';
import { receiveWeights } from './receive-weights.ts';
import { createReports, type Reports } from './reports.ts';
import { createRetainedState } from './retained-state.ts';
import { createSuspects } from './suspects.ts';

type Wishes<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** The slice of the configuration that uplink needs; everything but `url` and `device` has a default. */
export interface UplinkConfig extends Wishes<Omit<BrokerOptions, 'url'>> {
  readonly url: string;
  readonly device: string;
  readonly root?: string | undefined;
  readonly protocol?: 'auto' | ProtocolVersion | undefined;
  readonly retryMinMs?: number | undefined;
  readonly retryMaxMs?: number | undefined;
  /** Unacknowledged messages of the outbox at once. */
  readonly window?: number | undefined;
  readonly messagesPerSecond?: number | undefined;
  readonly chunkBytes?: number | undefined;
  readonly predictions?: 'live' | 'outbox' | 'off' | undefined;
}

export interface UplinkPorts {
  readonly outbox: Outbox;
  readonly commandLog: CommandLog;
  readonly taken: Taken;
  /** A part of a release's weights; null where the release is gone. */
  readWeights(version: string, offset: number, length: number): Promise<Uint8Array | null>;
  readonly log: Log;
  readonly clock: Clock;
}

/** What the uplink asks of the device; known when everything is joined, so it comes with the start. */
export interface UplinkHandlers {
  readonly run: RunCommand;
  /** The broker kept no session: what is retained there may be gone. */
  forgotten(): void;
}

export interface UplinkCounters {
  readonly connected: boolean;
  readonly reconnects: number;
  /** Live messages that nobody got. */
  readonly dropped: number;
  /** Messages that the broker refused for good. */
  readonly refused: number;
  /** Messages on command topics that could not be answered. */
  readonly ignored: number;
  /** Outbox messages not acknowledged yet. */
  readonly waiting: number;
  /** Why there is no connection, as a sentence; null while there is one. */
  readonly failure: string | null;
}

export interface Uplink extends Reports {
  /** Returns at once; continues with unfinished commands. */
  start(handlers: UplinkHandlers): void;
  /** Publishes `stopped`, says goodbye. What the outbox still holds goes out after the next start. Can be called twice. */
  stop(): Promise<void>;
  /** The weights that another device publishes. */
  remoteWeights(source: RemoteWeights, signal?: AbortSignal): Promise<ReceivedWeights>;
  readonly counters: UplinkCounters;
  /** For the watchdog: messages go out, or nothing can be done about it here. */
  isAlive(): boolean;
}

const stopGraceMs = 1500;

/** Throws `topic-invalid` for names that are not safe in a topic. */
export function createUplink(config: UplinkConfig, ports: UplinkPorts): Uplink {
  const { outbox, commandLog, taken, log, clock } = ports;
  let handlers: UplinkHandlers | null = null;
  const address = addressOf(config.root ?? 'whetstone', config.device);
  const broker = brokerOptions(config, address.root);
  const protocol = config.protocol ?? 'auto';
  const statusTopic = topicOf(address, 'status');
  const rate = createRateLimit(config.messagesPerSecond ?? 90);
  const chunkBytes = config.chunkBytes ?? 64 * 1024;
  const readChunk = async (topic: string) => {
    const named = parseChunkTopic(topic);
    return named === null ? null : ports.readWeights(named.version, named.chunk * chunkBytes, chunkBytes);
  };
  let stopped: Promise<void> | null = null;

  const link = createLink(
    {
      broker,
      protocol,
      will: { topic: statusTopic, payload: Buffer.from('offline') },
      retryMinMs: config.retryMinMs ?? 1000,
      retryMaxMs: config.retryMaxMs ?? 60_000,
    },
    { up, down, message },
    log,
  );
  const restart = (reason: string) => link.restart(reason);
  const suspects = createSuspects<string | number>({
    setAside: (key) => (typeof key === 'string' ? state.setAside(key) : drain.setAside(key)),
    changed() {
      state.wake();
      drain.wake();
    },
  });
  const state = createRetainedState({ address, suspects, clock, log, restart });
  const drain = createDrain({ address, suspects, window: config.window ?? 16, read: readChunk }, outbox, rate, log, restart);
  const run: RunCommand = async (...command) => {
    if (handlers === null) throw new Error('a command before the start');
    return handlers.run(...command);
  };
  const commands = createCommands({ address, commandLog, taken, run, log, clock, finished: () => drain.wake(), refuse: answerNow });
  const reports = createReports({
    address,
    outbox,
    state,
    rate,
    clock,
    log,
    chunkBytes,
    predictions: config.predictions ?? 'live',
    connection: () => link.connection,
    wake: () => drain.wake(),
  });

  function up(connection: Connection, goodbye: boolean): void {
    // The broker keeps the subscriptions of a session, but may have lost it; the status tells us when a late last will was published.
    connection.subscribe([topicOf(address, 'cmd/+/+'), statusTopic]).catch((error: unknown) => {
      if (link.connection === connection) restart(`the broker did not take the subscription to commands: ${messageOf(error)}`);
    });
    if (!connection.sessionPresent && !goodbye) handlers?.forgotten();
    state.up(connection, goodbye);
    drain.up(connection);
  }

  /** Not by the outbox: the answer says that the device has no room to keep anything. */
  function answerNow({ topic, payload, timeMs }: OutboxMessage): void {
    const message = { topic: topicOf(address, topic), payload, retain: false, qos: 1, timeMs, contentType: 'application/json' } as const;
    link.connection?.publish(message).catch((error: unknown) => log.warn(`an answer did not go out: ${messageOf(error)}`));
  }

  function down(): void {
    suspects.lost();
    state.down();
    drain.down();
  }

  function message(incoming: Incoming): void {
    // The last will of an earlier connection can arrive after our `online` (half-open connections): say it again.
    if (incoming.topic !== statusTopic) commands.take(incoming);
    else if (stopped === null && Buffer.from(incoming.payload).toString() === 'offline') state.repeat('status');
  }

  async function shutDown(): Promise<void> {
    await commands.stop(stopGraceMs);
    suspects.forgive();
    reports.publishStatus('stopped');
    await Promise.race([state.settled(), new Promise((resolve) => setTimeout(resolve, stopGraceMs).unref())]);
    down();
    await link.stop();
  }

  return {
    ...reports,
    start(given) {
      handlers = given;
      reports.publishStatus('online');
      commands.start();
      link.start();
    },
    stop() {
      stopped ??= shutDown();
      return stopped;
    },
    async remoteWeights(source, signal) {
      if (source.from === address.device) throw new WhetError('weights-unavailable', 'a device cannot deploy from itself');
      const from = addressOf(address.root, source.from);
      const own = { ...broker, clientId: `${broker.clientId}-receive` };
      return receiveWeights(
        { broker: own, protocol, address: from, version: source.version, timeoutMs: receiveTimeoutMs, absentAfterMs, signal },
        log,
      );
    },
    get dropped() {
      return reports.dropped;
    },
    isAlive: () => drain.isAlive(),
    get counters() {
      return {
        connected: link.connection !== null,
        reconnects: link.reconnects,
        dropped: reports.dropped,
        refused: drain.refused + suspects.setAside,
        ignored: commands.ignored,
        waiting: outbox.counters.waiting,
        failure: link.connection === null ? (link.failure?.message ?? null) : null,
      };
    },
  };
}

const receiveTimeoutMs = 120_000;
/** A retained manifest comes with the subscription; where none came for so long, there is none. */
const absentAfterMs = 10_000;

function brokerOptions(config: UplinkConfig, root: string): BrokerOptions {
  const { url, username, password, passwordFile, caFile, certFile, keyFile } = config;
  return {
    url,
    username,
    password,
    passwordFile,
    caFile,
    certFile,
    keyFile,
    clientId: config.clientId ?? `${root.replaceAll('/', '-')}-${config.device}`,
    keepaliveSeconds: config.keepaliveSeconds ?? 30,
    connectTimeoutMs: config.connectTimeoutMs ?? 15_000,
    ackTimeoutMs: config.ackTimeoutMs ?? 20_000,
    // A week away and the commands sent meanwhile still arrive.
    sessionExpirySeconds: config.sessionExpirySeconds ?? 7 * 24 * 3600,
  };
}
