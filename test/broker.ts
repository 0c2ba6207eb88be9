// A real mosquitto on a free port, with a temporary configuration: plain, with user and password, or with TLS and client certificates.
// Shared by every test that needs a broker; where mosquitto is not installed, `mosquittoMissing` says so and the tests are skipped.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Aedes } from 'aedes';

const binary = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto', '/opt/homebrew/sbin/mosquitto'].find(existsSync);

/** For `describe.skipIf`. */
export const mosquittoMissing = binary === undefined;
/** For titles, so that a skipped test says why. */
export const needsMosquitto = mosquittoMissing ? ' (skipped: mosquitto is not installed; apt install mosquitto)' : '';

export interface BrokerSettings {
  readonly user?: { readonly name: string; readonly password: string };
  /** TLS with certificates made for this broker; clients must show one where `clientCertificates` is set. */
  readonly tls?: { readonly clientCertificates: boolean };
  /** Further lines of mosquitto.conf. */
  readonly lines?: readonly string[];
  /** Keeps sessions and retained messages over `stop` and `start`. */
  readonly persistent?: boolean;
  readonly port?: number;
}

export interface Certificates {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Broker {
  readonly port: number;
  readonly url: string;
  /** Where `tls` was asked for: the authority and a certificate for a client. */
  readonly certificates: Certificates | null;
  readonly folder: string;
  start(): Promise<void>;
  /** SIGTERM, or SIGKILL with `kill`; resolves when it is gone. */
  stop(kill?: boolean): Promise<void>;
  /** Stops it and removes its folder. */
  close(): Promise<void>;
}

export async function startBroker(settings: BrokerSettings = {}): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), 'whet-broker-'));
  const port = settings.port ?? (await freePort());
  const certificates = settings.tls === undefined ? null : makeCertificates(folder);
  const configFile = join(folder, 'mosquitto.conf');
  writeFileSync(configFile, configuration(settings, port, folder));
  let running: { readonly child: ChildProcess; readonly gone: Promise<void> } | null = null;

  const broker: Broker = {
    port,
    url: `${certificates === null ? 'mqtt' : 'mqtts'}://localhost:${port}`,
    certificates,
    folder,
    async start() {
      const child = spawn(binary ?? 'mosquitto', ['-c', configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      child.stderr?.on('data', (data) => {
        said += String(data);
      });
      const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
      running = { child, gone };
      await Promise.race([listening(port), gone.then(() => Promise.reject(new Error(`mosquitto ended: ${said}`)))]);
    },
    async stop(kill = false) {
      running?.child.kill(kill ? 'SIGKILL' : 'SIGTERM');
      await running?.gone;
      running = null;
    },
    async close() {
      await broker.stop(true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await broker.start();
  return broker;
}

function configuration(settings: BrokerSettings, port: number, folder: string): string {
  const lines = [
    `listener ${port}`,
    // Started by root it would change to a user that may not read the folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    'set_tcp_nodelay true',
    'max_queued_messages 0',
    `persistence ${settings.persistent === true}`,
    `persistence_location ${folder}/`,
    'log_type error',
    'log_type warning',
    'log_dest stderr',
  ];
  if (settings.user === undefined) lines.push('allow_anonymous true');
  else {
    const file = join(folder, 'passwords');
    writeFileSync(file, '', { mode: 0o600 });
    execFileSync('mosquitto_passwd', ['-b', file, settings.user.name, settings.user.password]);
    lines.push('allow_anonymous false', `password_file ${file}`);
  }
  if (settings.tls !== undefined) {
    lines.push(`cafile ${folder}/ca.crt`, `certfile ${folder}/server.crt`, `keyfile ${folder}/server.key`);
    if (settings.tls.clientCertificates) lines.push('require_certificate true');
  }
  return [...lines, ...(settings.lines ?? []), ''].join('\n');
}

/** A certificate authority, a server certificate for localhost and a client certificate, by openssl. */
export function makeCertificates(folder: string): Certificates {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=Whetstone test authority');
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  for (const name of ['server', 'client']) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name === 'server' ? 'localhost' : 'device'}`);
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...signed);
  }
  return { caFile: join(folder, 'ca.crt'), certFile: join(folder, 'client.crt'), keyFile: join(folder, 'client.key') };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address === null || typeof address === 'string' ? reject(new Error('no port')) : resolve(address.port)));
    });
  });
}

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 2400; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`nothing listens on port ${port}`);
}

/** A broker of MQTT 3.1.1 only, in this process: for what Mosquitto cannot be made to do. */
export async function startSmallBroker(): Promise<{ readonly aedes: Aedes; readonly url: string; readonly close: () => Promise<void> }> {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => aedes.close(() => server.close(() => resolve())));
  return { aedes, url: `mqtt://127.0.0.1:${port}`, close };
}
