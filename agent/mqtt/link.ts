// Keeps one broker connection up, for ever: MQTT 5, or 3.1.1 where the broker wants that; back-off with jitter; starts without a broker.
// Takes what to do when it is up, down, or a message comes; gives the current connection. Says each cause once, not at every retry.
import type { Log } from '../log.ts';
import {
  addressWithoutSecrets,
  type BrokerOptions,
  ConnectFailed,
  type Connection,
  type Incoming,
  openConnection,
  type ProtocolVersion,
  type Will,
} from './client.ts';
import { type ConnectionFailure, closedUnanswered, versionRefused } from './failure.ts';

export interface LinkOptions {
  readonly broker: BrokerOptions;
  readonly protocol: 'auto' | ProtocolVersion;
  readonly will: Will | null;
  /** The first pause after a failure, and the longest. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

export interface LinkEvents {
  /** `goodbye`: the connection before it was ended by us, so the broker did not publish our last will. */
  up(connection: Connection, goodbye: boolean): void;
  /** No more is to be sent; may be called twice for one connection. */
  down(): void;
  /** No connection; `failure.refused`: trying again will not help until somebody changes something. */
  failed?(failure: ConnectionFailure): void;
  /** Runs before the acknowledgement; when it throws, the message comes again. */
  message(message: Incoming): void;
}

export interface Link {
  /** Returns at once; the broker may come later. */
  start(): void;
  /** Ends the connection with a goodbye. Can be called at any time, also twice. */
  stop(): Promise<void>;
  /** Says goodbye and connects again: the only way in which MQTT lets unacknowledged messages be sent again. */
  restart(reason: string): void;
  readonly connection: Connection | null;
  /** Connections after the first one. */
  readonly reconnects: number;
  /** Why there is no connection; null while there is one. */
  readonly failure: ConnectionFailure | null;
}

/** A connection that held this long was a good one: the next pause starts small again. */
const goodAfterMs = 10_000;

/** Connections that end so soon, one after the other, are perhaps taken over by another client. */
const shortMs = 30_000;
const takenOverAfter = 3;
const sameName = 'If it stays so: does another device have this name?';

export function createLink(options: LinkOptions, events: LinkEvents, log: Log): Link {
  const where = addressWithoutSecrets(options.broker.url);
  const stopping = new AbortController();
  let running: Promise<void> | null = null;
  let connection: Connection | null = null;
  let failure: ConnectionFailure | null = null;
  let connections = 0;
  let goodbye = false;
  let shortLived = 0;
  let version: ProtocolVersion = options.protocol === 'auto' ? 5 : options.protocol;

  function report(next: ConnectionFailure): void {
    if (failure?.kind !== next.kind) log.warn({ cause: next.kind, hint: next.hint }, next.message);
    failure = next;
    events.failed?.(next);
  }

  /** One attempt, with the other version of the protocol where this one is refused. */
  async function open(): Promise<Connection> {
    const attempt = (wanted: ProtocolVersion) => openConnection(options.broker, wanted, options.will, events.message, stopping.signal);
    try {
      return await attempt(version);
    } catch (error) {
      const kind = error instanceof ConnectFailed ? error.failure.kind : null;
      if (options.protocol !== 'auto' || stopping.signal.aborted || (kind !== versionRefused && kind !== closedUnanswered)) throw error;
      const other = version === 5 ? 4 : 5;
      const opened = await attempt(other).catch(() => Promise.reject(error));
      log.info(`the broker ${where} speaks MQTT ${other === 4 ? '3.1.1' : '5'} only`);
      // A silent close may have had another cause: then MQTT 5 is tried first again the next time.
      if (kind === versionRefused) version = other;
      return opened;
    }
  }

  async function hold(opened: Connection): Promise<void> {
    connection = opened;
    connections += 1;
    failure = null;
    log.info({ broker: where, mqtt: opened.version === 5 ? '5' : '3.1.1', session: opened.sessionPresent }, 'connected to the MQTT broker');
    const said = goodbye;
    goodbye = false;
    const sinceMs = performance.now();
    events.up(opened, said);
    const ended = await opened.closed;
    connection = null;
    events.down();
    if (goodbye || stopping.signal.aborted) return;
    shortLived = performance.now() - sinceMs < shortMs ? shortLived + 1 : 0;
    // Mosquitto of Debian closes without a reason where another client comes with the same name.
    report(shortLived < takenOverAfter ? ended : { ...ended, kind: `${ended.kind}-again`, hint: `${ended.hint} ${sameName}` });
  }

  async function run(): Promise<void> {
    let pauseMs = options.retryMinMs;
    while (!stopping.signal.aborted) {
      const startedMs = performance.now();
      try {
        const opened = await open();
        if (stopping.signal.aborted) return await opened.end();
        await hold(opened);
      } catch (error) {
        if (!(error instanceof ConnectFailed)) throw error;
        if (!stopping.signal.aborted) report(error.failure);
      }
      if (performance.now() - startedMs > goodAfterMs) pauseMs = options.retryMinMs;
      // Full jitter, so that a thousand devices do not come back in step; never less than half.
      await sleep(goodbye ? options.retryMinMs * Math.random() : pauseMs * (0.5 + Math.random() / 2), stopping.signal);
      pauseMs = Math.min(options.retryMaxMs, pauseMs * 2);
    }
  }

  return {
    start() {
      running ??= run().catch((error: unknown) => log.error({ err: error }, 'the MQTT link ended: a bug'));
    },
    async stop() {
      stopping.abort();
      await connection?.end();
      await running;
    },
    restart(reason) {
      if (connection === null || goodbye) return;
      log.warn({ reason }, 'connecting to the MQTT broker again');
      goodbye = true;
      events.down();
      void connection.end();
    },
    get connection() {
      return goodbye ? null : connection;
    },
    get reconnects() {
      return Math.max(0, connections - 1);
    },
    get failure() {
      return failure;
    },
  };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
