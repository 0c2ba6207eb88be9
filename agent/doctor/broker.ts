// The broker of a configuration, tried as the device itself would: connected to, its commands subscribed to, a message acknowledged. The message goes
// to a topic that nobody listens to, and is not kept.
import { randomBytes } from 'node:crypto';
import type { Config, Mqtt } from '../config/resolve.ts';
import { addressOf, topicOf } from '../contract/topics.ts';
import { messageOf } from '../errors.ts';
import { ConnectFailed, type Connection, openConnection } from '../mqtt/client.ts';
import { type CheckResult, failed, ok, skipped } from './check-result.ts';

export async function checkBroker({ device, mqtt }: Config, signal: AbortSignal): Promise<CheckResult> {
  if (mqtt === null) return skipped('broker', 'none is configured');
  const sinceMs = performance.now();
  let connection: Connection;
  try {
    connection = await connect(mqtt, signal);
  } catch (error) {
    const remedy = error instanceof ConnectFailed ? error.failure.hint : 'Check the address of the broker.';
    return failed('broker', messageOf(error), remedy);
  }
  const address = addressOf(mqtt.root, device);
  try {
    const connectedMs = performance.now();
    await connection.subscribe([topicOf(address, 'cmd/+/+')]);
    const message = { payload: Buffer.from('{}'), retain: false, qos: 1, timeMs: Date.now(), contentType: 'application/json' } as const;
    await connection.publish({ topic: topicOf(address, 'doctor'), ...message });
    const [connecting, answering] = [connectedMs - sinceMs, performance.now() - connectedMs].map(Math.round);
    const version = connection.version === 5 ? '5' : '3.1.1';
    return ok('broker', `${mqtt.url}, MQTT ${version}: connected in ${connecting} ms, a message acknowledged in ${answering} ms`);
  } catch (error) {
    return failed(
      'broker',
      `${mqtt.url}: connected, and then: ${messageOf(error)}`,
      `Give '${device}' the right to write below ${address.root}/${device}/ and to read ${address.root}/${device}/cmd/# (systemd/mosquitto.acl).`,
    );
  } finally {
    await connection.end();
  }
}

/** MQTT 5, and 3.1.1 where the broker knows no other. */
async function connect(mqtt: Mqtt, signal: AbortSignal): Promise<Connection> {
  const { url, username, password, passwordFile, ca, cert, key, protocol, keepaliveSeconds } = mqtt;
  const broker = {
    ...{ url, username, password, passwordFile, keepaliveSeconds },
    ...{ caFile: ca, certFile: cert, keyFile: key },
    clientId: `whet-doctor-${randomBytes(4).toString('hex')}`,
    connectTimeoutMs: 5000,
    ackTimeoutMs: 5000,
    sessionExpirySeconds: 0,
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(10_000)]);
  const attempt = (version: 4 | 5) => openConnection(broker, version, null, () => undefined, limit);
  if (protocol !== 'auto') return attempt(protocol);
  return attempt(5).catch((error: unknown) => attempt(4).catch(() => Promise.reject(error)));
}
