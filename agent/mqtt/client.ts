// One MQTT connection, from CONNECT to close; the only importer of the MQTT library. Takes where to connect and what to do with a message
// before it is acknowledged; gives a connection with strict QoS 1 publishes. Refuses to queue anything: what is not sent is the caller's.
import { readFileSync } from 'node:fs';
import { connect, type IClientOptions, type IClientPublishOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import { readPassword } from '../config/password-file.ts';
import { type ConnectionFailure, closedUnanswered, describeFailure } from './failure.ts';
import { limitIncoming } from './incoming-limit.ts';

export interface BrokerOptions {
  /** mqtt://, mqtts://, ws:// or wss:// */
  readonly url: string;
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Files are read at every attempt, so that a renewed certificate or password needs no restart. */
  readonly passwordFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly keepaliveSeconds: number;
  readonly connectTimeoutMs: number;
  /** How long a publish or subscribe may stay unanswered. */
  readonly ackTimeoutMs: number;
  /** How long the broker keeps our subscriptions and their messages while we are away; 0 asks for a clean session. */
  readonly sessionExpirySeconds: number;
}

export interface Will {
  readonly topic: string;
  readonly payload: Uint8Array;
}

export interface Incoming {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retained: boolean;
}

export interface Outgoing {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  readonly qos: 0 | 1;
  /** The time of the event: a user property where the protocol has them. */
  readonly timeMs: number;
  readonly contentType: string;
}

export type ProtocolVersion = 4 | 5;

export interface Connection {
  readonly version: ProtocolVersion;
  readonly sessionPresent: boolean;
  /** The largest packet that the broker takes; null where it does not say. */
  readonly maximumPacketBytes: number | null;
  readonly receiveMaximum: number;
  /** QoS 1: resolves on PUBACK; rejects with `PublishRefused`, `Unacknowledged`, or `ConnectionLost`. */
  publish(message: Outgoing): Promise<void>;
  /** Rejects where the broker refuses one of the topics. */
  subscribe(filters: readonly string[]): Promise<void>;
  /** Says goodbye, so that the last will is not published, and closes; forced after a second. */
  end(): Promise<void>;
  /** Closes without a goodbye: what the broker has not been acknowledged, it sends again. */
  drop(): void;
  /** Resolves when the connection has ended, with the reason. */
  readonly closed: Promise<ConnectionFailure>;
}

export class ConnectionLost extends Error {}

/** No answer in time; [MQTT-4.4.0-1] only a new connection may send it again. */
export class Unacknowledged extends Error {}

/** The broker answered a publish with a reason code of 128 or more. */
export class PublishRefused extends Error {
  readonly reason: number;
  constructor(reason: number, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Larger packets are not taken (MQTT 5): room enough to answer an oversized command with an error. */
const maximumIncomingBytes = 1024 * 1024;

/** `signal` ends the attempt, not the connection. `onMessage` runs before the acknowledgement: when it throws, the connection is dropped and the broker delivers again. */
export function openConnection(
  options: BrokerOptions,
  version: ProtocolVersion,
  will: Will | null,
  onMessage: (message: Incoming) => void,
  signal: AbortSignal,
): Promise<Connection> {
  const describe = (error: unknown) =>
    describeFailure(error, addressWithoutSecrets(options.url), {
      on: /^(mqtts|wss):/.test(options.url),
      clientCertificate: options.certFile !== undefined,
    });
  return new Promise((resolve, reject) => {
    let client: MqttClient;
    try {
      client = connect(options.url, clientOptions(options, version, will));
    } catch (error) {
      reject(new ConnectFailed(describe(error)));
      return;
    }
    let lastError: unknown = Object.assign(new Error('closed'), { code: closedUnanswered });
    client.on('error', (error) => {
      lastError = error;
      // Some errors leave the socket open, and reconnecting is not the library's task here.
      client.stream?.destroy();
    });
    limitIncoming(client, maximumIncomingBytes, (error) => {
      lastError = error;
    });
    client.on('disconnect', (packet) => {
      lastError = Object.assign(new Error('the broker ended the connection'), { code: packet.reasonCode ?? 0 });
    });
    client.handleMessage = (packet, callback) => {
      try {
        const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
        onMessage({ topic: packet.topic, payload, retained: packet.retain });
      } catch (error) {
        lastError = error;
        client.stream?.destroy();
        return;
      }
      // Others have their turn between two messages: the broker may have kept ten thousand.
      setImmediate(callback);
    };
    client.once('close', () => {
      client.end(true);
      reject(new ConnectFailed(describe(lastError)));
    });
    const abort = () => client.stream?.destroy();
    signal.addEventListener('abort', abort, { once: true });
    client.once('close', () => signal.removeEventListener('abort', abort));
    client.once('connect', (connack) => {
      signal.removeEventListener('abort', abort);
      lastError = Object.assign(new Error('the connection was lost'), { code: 'lost' });
      resolve(wrap(client, version, connack, options.ackTimeoutMs, () => describe(lastError)));
    });
    try {
      client.connect();
    } catch (error) {
      // Unusable certificates and keys are found here.
      reject(new ConnectFailed(describe(error)));
    }
  });
}

export class ConnectFailed extends Error {
  readonly failure: ConnectionFailure;
  constructor(failure: ConnectionFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

function clientOptions(options: BrokerOptions, version: ProtocolVersion, will: Will | null): IClientOptions {
  const password = options.passwordFile === undefined ? options.password : readPassword(options.passwordFile);
  const persistent = options.sessionExpirySeconds > 0;
  return {
    manualConnect: true,
    protocolVersion: version,
    clientId: options.clientId,
    clean: !persistent,
    keepalive: options.keepaliveSeconds,
    connectTimeout: options.connectTimeoutMs,
    // Reconnecting, resending and subscribing again are done by the callers: the library's own queue has no limits and no durability.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(password === undefined ? {} : { password }),
    ...(options.caFile === undefined ? {} : { ca: readFileSync(options.caFile) }),
    ...(options.certFile === undefined ? {} : { cert: readFileSync(options.certFile) }),
    ...(options.keyFile === undefined ? {} : { key: readFileSync(options.keyFile) }),
    ...(will === null ? {} : { will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true } }),
    ...(version === 5
      ? {
          properties: {
            maximumPacketSize: maximumIncomingBytes,
            ...(persistent ? { sessionExpiryInterval: options.sessionExpirySeconds } : {}),
          },
        }
      : {}),
  };
}

function wrap(
  client: MqttClient,
  version: ProtocolVersion,
  connack: IConnackPacket,
  ackTimeoutMs: number,
  failure: () => ConnectionFailure,
): Connection {
  const receiveMaximum = connack.properties?.receiveMaximum ?? 65_535;
  const maximumPacketBytes = connack.properties?.maximumPacketSize ?? null;
  const pending = new Set<(error: Error) => void>();
  const waiting: (() => void)[] = [];
  let inFlight = 0;
  let open = true;

  const closed = new Promise<ConnectionFailure>((resolve) => {
    client.once('close', () => {
      open = false;
      for (const rejectOne of pending) rejectOne(new ConnectionLost('the connection was lost'));
      pending.clear();
      for (const start of waiting.splice(0)) start();
      resolve(failure());
    });
  });

  /** Runs `send` with a callback that settles the promise, unless the connection ends first. */
  function settle(send: (callback: (error: (Error & { code?: unknown }) | null | undefined) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!open) return reject(new ConnectionLost('not connected'));
      pending.add(reject);
      const timer = setTimeout(() => {
        if (pending.delete(reject)) reject(new Unacknowledged(`no acknowledgement in ${ackTimeoutMs} ms`));
      }, ackTimeoutMs);
      send((error) => {
        clearTimeout(timer);
        if (!pending.delete(reject)) return;
        if (!error) resolve();
        else reject(typeof error.code === 'number' ? new PublishRefused(error.code, error.message) : error);
      });
    });
  }

  /** [MQTT-3.3.4-7] no more unacknowledged messages than the broker's receive maximum. */
  async function slot(): Promise<void> {
    while (open && inFlight >= receiveMaximum) await new Promise<void>((resolve) => waiting.push(resolve));
    inFlight += 1;
  }

  return {
    version,
    sessionPresent: connack.sessionPresent === true,
    maximumPacketBytes,
    receiveMaximum,
    closed,
    async publish(message) {
      const sizeBytes = message.payload.byteLength + Buffer.byteLength(message.topic) + packetOverheadBytes;
      if (maximumPacketBytes !== null && sizeBytes > maximumPacketBytes) {
        throw new PublishRefused(149, `${sizeBytes} bytes are more than the ${maximumPacketBytes} that the broker takes`);
      }
      if (message.qos === 0)
        return settle((callback) => client.publish(message.topic, bufferOf(message.payload), publishOptions(message, version), callback));
      await slot();
      try {
        await settle((callback) => client.publish(message.topic, bufferOf(message.payload), publishOptions(message, version), callback));
      } finally {
        inFlight -= 1;
        waiting.shift()?.();
      }
    },
    subscribe: (filters) => settle((callback) => client.subscribe([...filters], { qos: 1 }, callback)),
    async end() {
      if (!open) return;
      // A goodbye waits for what is unacknowledged, unless that is taken back first; it stays with the caller.
      for (const id of Object.keys(client.outgoing)) client.removeOutgoingMessage(Number(id));
      const force = setTimeout(() => client.stream.destroy(), 1000);
      client.end(false);
      await closed;
      clearTimeout(force);
    },
    drop: () => void client.stream.destroy(),
  };
}

/** Fixed header, packet id and properties of a publish. */
const packetOverheadBytes = 128;

function publishOptions(message: Outgoing, version: ProtocolVersion): IClientPublishOptions {
  const { qos, retain, contentType, timeMs } = message;
  if (version === 4) return { qos, retain };
  return { qos, retain, properties: { contentType, userProperties: { timeMs: String(timeMs) } } };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** For messages: user and password of a URL are never shown. */
export function addressWithoutSecrets(url: string): string {
  return URL.canParse(url) ? `${new URL(url).protocol}//${new URL(url).host}` : url.replace(/\/\/.*@/, '//');
}
