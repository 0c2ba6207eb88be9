// The broker that the devices speak to, as a process that can be ended and killed: mosquitto, or a small one where that is not installed.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const mosquitto = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/usr/bin/mosquitto'].find(existsSync);
export const observerId = 'torture-observer';

export async function startBroker(folder) {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const small = fileURLToPath(new URL('./small-broker.mjs', import.meta.url));
  const command =
    mosquitto === undefined ? [process.execPath, small, String(port), observerId] : [mosquitto, '-c', configuration(folder, port)];
  let running = null;

  const broker = {
    kind: mosquitto === undefined ? 'aedes' : 'mosquitto',
    /** Of MQTT, that it speaks. */
    protocol: mosquitto === undefined ? 4 : 5,
    url: `mqtt://127.0.0.1:${port}`,
    async start() {
      const child = spawn(command[0], command.slice(1), { detached: true, stdio: 'ignore' });
      running = { child, gone: new Promise((resolve) => child.once('close', resolve)) };
      for (let attempt = 0; attempt < 600 && !(await isListening(port)); attempt += 1) await pause(25);
    },
    async stop(signal) {
      running?.child.kill(signal);
      await running?.gone;
      running = null;
    },
    /** Sessions and what is retained are on the disk: a kill loses none of them. */
    async save() {
      if (mosquitto === undefined) return;
      running?.child.kill('SIGUSR1');
      await pause(200);
    },
  };
  await broker.start();
  return broker;
}

/** Whoever listens gets everything at once: what is acknowledged to a sender has left the broker, whatever becomes of it then. */
function configuration(folder, port) {
  const file = join(folder, 'mosquitto.conf');
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    ...(process.getuid() === 0 ? ['user root'] : []),
    'set_tcp_nodelay true',
    'max_inflight_messages 0',
    'max_queued_messages 0',
    'persistence true',
    `persistence_location ${folder}/`,
    'autosave_interval 1',
    'log_dest none',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
