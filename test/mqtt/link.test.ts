// Connecting: versions of the protocol, credentials, TLS, a broker that is not there, dies, or comes back; against real brokers.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { freePort, mosquittoMissing, needsMosquitto, startSmallBroker } from '../broker.ts';
import { createTestDevice, eventually, type TestDevice } from '../uplink/device.ts';
import { closeLater, openBroker } from '../uplink/opened.ts';
import { subscribe } from '../uplink/subscriber.ts';

function device(...args: Parameters<typeof createTestDevice>): TestDevice {
  const created = createTestDevice(...args);
  closeLater(() => created.uplink.stop());
  created.start();
  return created;
}

async function watch(url: string, options = {}) {
  const subscriber = await subscribe(url, 'whetstone/#', options);
  closeLater(subscriber.close);
  return subscriber;
}

const connected = ({ uplink, lines }: TestDevice) =>
  eventually(() => uplink.counters.connected, `a connection: ${JSON.stringify(lines.slice(-3))}`);
const warnings = ({ lines }: TestDevice) => lines.filter((line) => line.level === 'warn').map((line) => line.text);

describe.skipIf(mosquittoMissing)(`the link${needsMosquitto}`, () => {
  it('says online, and stopped on a clean stop; both retained', async () => {
    const { url } = await openBroker();
    const one = device({ url });
    await connected(one);
    const watcher = await watch(url);
    await watcher.until((all) => all.some((m) => m.retained && m.payload.toString() === 'online'), 'online');
    await one.uplink.stop();
    await one.uplink.stop();
    await watcher.until(() => watcher.texts('whetstone/pi-1/status').at(-1) === 'stopped', 'stopped');
    const late = await watch(url);
    await late.until((all) => all.some((m) => m.retained && m.payload.toString() === 'stopped'), 'stopped, retained');
  });

  it('lets the broker say offline when its process is killed', async () => {
    const { url } = await openBroker();
    const watcher = await watch(url);
    const script = fileURLToPath(new URL('../uplink/killed-device.ts', import.meta.url));
    const child = spawn(process.execPath, [script, url], { stdio: 'ignore' });
    await watcher.until(() => watcher.texts('whetstone/killed/status').at(-1) === 'online', 'online');
    child.kill('SIGKILL');
    await watcher.until(() => watcher.texts('whetstone/killed/status').at(-1) === 'offline', 'offline');
    const late = await watch(url);
    await late.until((all) => all.some((m) => m.retained && m.topic.endsWith('killed/status')), 'offline, retained');
    expect(late.texts('whetstone/killed/status')).toEqual(['offline']);
  });

  it('starts without a broker and connects when there is one, saying the cause once', async () => {
    const port = await freePort();
    const one = device({ url: `mqtt://localhost:${port}`, retryMaxMs: 50 });
    await eventually(() => warnings(one).length > 0, 'a warning');
    // Some more attempts.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(one.uplink.counters).toMatchObject({ connected: false, reconnects: 0 });
    expect(one.uplink.counters.failure).toMatch(/nothing listens/);
    expect(warnings(one)).toHaveLength(1);
    await openBroker({ port });
    await connected(one);
    expect(one.uplink.counters.failure).toBeNull();
  });

  it('comes back after the broker was killed, and says online again to one that forgot everything', async () => {
    const server = await openBroker();
    const one = device({ url: server.url });
    await connected(one);
    await server.stop(true);
    await eventually(() => !one.uplink.counters.connected, 'the loss');
    await server.start();
    await connected(one);
    expect(one.uplink.counters.reconnects).toBe(1);
    const watcher = await watch(server.url);
    await watcher.until(() => watcher.texts('whetstone/pi-1/status').at(-1) === 'online', 'online');
  });

  it('corrects a last will that was published although it is there', async () => {
    const { url } = await openBroker();
    const one = device({ url });
    await connected(one);
    const watcher = await watch(url);
    await watcher.until(() => watcher.texts('whetstone/pi-1/status').at(-1) === 'online', 'online');
    await watcher.send('whetstone/pi-1/status', 'offline', true);
    await watcher.until(() => watcher.texts('whetstone/pi-1/status').slice(-2).join() === 'offline,online', 'online again');
  });

  it('names refused credentials once, never prints them, and connects when the password file is put right', async () => {
    const server = await openBroker({ user: { name: 'pi', password: 'right-secret' } });
    const passwordFile = join(server.folder, 'password');
    writeFileSync(passwordFile, 'wrong-secret\n');
    const one = device({ url: server.url, username: 'pi', passwordFile, retryMaxMs: 50 });
    await eventually(() => warnings(one).length > 0, 'a warning');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(warnings(one)).toEqual([expect.stringMatching(/refuses the user name or password|does not authorize/)]);
    writeFileSync(passwordFile, 'right-secret\n');
    await connected(one);
    expect(JSON.stringify(one.lines)).not.toMatch(/-secret/);
  });

  it('never prints credentials of a URL', async () => {
    const port = await freePort();
    const one = device({ url: `mqtt://pi:url-secret@localhost:${port}` });
    await eventually(() => warnings(one).length > 0, 'a warning');
    expect(JSON.stringify([one.lines, one.uplink.counters])).not.toMatch(/url-secret/);
  });

  it('names an unknown host', async () => {
    const one = device({ url: 'mqtt://no-such-host.invalid' });
    await eventually(() => warnings(one).length > 0, 'a warning');
    expect(warnings(one)[0]).toMatch(/no such host|name server/);
  });

  it('connects by TLS with a client certificate', async () => {
    const server = await openBroker({ tls: { clientCertificates: true } });
    const one = device({ url: server.url, ...server.certificates });
    await connected(one);
  });

  it('is refused by TLS without a client certificate, with a hint', async () => {
    const server = await openBroker({ tls: { clientCertificates: true } });
    const one = device({ url: server.url, caFile: server.certificates?.caFile });
    await eventually(() => warnings(one).length > 0, 'a warning');
    expect(warnings(one)[0]).toMatch(/client certificate/);
    expect(one.uplink.counters.connected).toBe(false);
  });

  it('does not trust a broker whose authority it does not know', async () => {
    const server = await openBroker({ tls: { clientCertificates: false } });
    const one = device({ url: server.url });
    await eventually(() => warnings(one).length > 0, 'a warning');
    expect(warnings(one)[0]).toMatch(/not signed by an authority known here/);
  });

  it('names a missing or unusable certificate file', async () => {
    const server = await openBroker({ tls: { clientCertificates: false } });
    const missing = device({ url: server.url, caFile: '/nowhere/ca.crt' });
    await eventually(() => warnings(missing).length > 0, 'a warning');
    expect(warnings(missing)[0]).toMatch(/a file is missing.*\/nowhere\/ca\.crt/);
    const garbage = join(server.folder, 'garbage');
    writeFileSync(garbage, 'not a certificate');
    const unusable = device({ device: 'pi-2', url: server.url, certFile: garbage, keyFile: garbage });
    await eventually(() => warnings(unusable).length > 0, 'a warning');
  });

  it('speaks 3.1.1 with a broker that closes the connection on MQTT 5', async () => {
    const { url, port } = await openBroker();
    const gate = createServer((client) => {
      client.once('data', (connect) => {
        // Protocol level: fixed header, length (1 byte here or 2), "MQTT", then the level.
        const level = connect[connect.indexOf('MQTT') + 4];
        if (level !== 4) {
          client.destroy();
          return;
        }
        const through = createConnection(port, '127.0.0.1');
        through.write(connect);
        client.pipe(through).pipe(client);
        through.on('error', () => client.destroy());
        client.on('error', () => through.destroy());
      });
      client.on('error', () => undefined);
    });
    gate.listen(0, '127.0.0.1');
    await once(gate, 'listening');
    closeLater(() => gate.close());
    const address = gate.address();
    const one = device({ url: `mqtt://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` });
    await connected(one);
    expect(one.lines.map((line) => line.text).join()).toMatch(/speaks MQTT 3.1.1 only/);
    const watcher = await watch(url);
    await watcher.until(() => watcher.texts('whetstone/pi-1/status').at(-1) === 'online', 'online');
    await watcher.send('whetstone/pi-1/cmd/pause/p1', '{}');
    await watcher.until((all) => all.some((m) => m.topic === 'whetstone/pi-1/result/pause/p1'), 'a result');
  });
});

it('stops at once while something takes its connection and never answers', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  closeLater(() => silent.close());
  const address = silent.address();
  const one = device({ url: `mqtt://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, connectTimeoutMs: 2_000_000_000 });
  await once(silent, 'connection');
  // It would wait for longer than this test may run.
  await one.uplink.stop();
});

describe('a broker of MQTT 3.1.1 only (aedes)', () => {
  it('refuses MQTT 5 by its return code, and is spoken to in 3.1.1', async () => {
    const { url, close } = await startSmallBroker();
    closeLater(close);
    const one = device({ url });
    await connected(one);
    const watcher = await watch(url, { protocolVersion: 4 });
    one.uplink.publishQuery({ timeMs: 5, sample: 's1', source: 'door', kind: 'classes', guesses: [], thumbnail: null });
    await watcher.until((all) => all.some((m) => m.topic === 'whetstone/pi-1/query'), 'the query');
    const strict = device({ device: 'pi-2', url, protocol: 5 });
    await eventually(() => warnings(strict).length > 0, 'a warning');
    expect(warnings(strict)[0]).toMatch(/does not speak this version/);
  });
});
