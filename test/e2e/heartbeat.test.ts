// What the service manager hears of a daemon one of whose sources is stuck: signs of life, for the rest goes on. The store knows what belongs together.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, it } from 'vitest';
import { photograph } from '../images.ts';
import { createDevice, eventually } from './daemon.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

it('a source program that is stopped (SIGSTOP) is degraded and started again; pings go on; a burst is one moment in the store', {
  timeout: 900_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whet-heartbeat-'));
  open.push({ close: () => rmSync(folder, { recursive: true }) });
  const [picture, pids, sent] = ['picture.jpg', 'pids', 'sent'].map((name) => join(folder, name)) as [string, string, string];
  writeFileSync(picture, await photograph('disc', 3));
  const camera = join(folder, 'camera.mjs');
  writeFileSync(
    camera,
    `import { appendFileSync, readFileSync } from 'node:fs';
appendFileSync(${JSON.stringify(pids)}, process.pid + ' ');
const picture = readFileSync(${JSON.stringify(picture)});
setInterval(() => process.stdout.write(picture), 50);\n`,
  );
  // Stands in for systemd-notify, which the daemon calls; what it is told is what systemd would hear.
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${JSON.stringify(sent)}\n`);
  chmodSync(join(folder, 'systemd-notify'), 0o755);
  const command = `[${JSON.stringify(process.execPath)}, ${JSON.stringify(camera)}]`;
  const device = createDevice('stuck', ['classes: replace', 'duplicates: {windowSeconds: 0}'], {
    sources: [
      `{name: camera, kind: mjpeg, command: ${command}, framesPerSecond: 10, stallSeconds: 3}`,
      '{name: inbox, kind: folder, path: inbox, rescanSeconds: 1}',
    ],
  });
  open.push(device);
  const env = { ...process.env, NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '1000000', PATH: `${folder}:${process.env.PATH}` };
  const daemon = await device.start({ env });
  const cameraState = async () => (await device.client.status({})).sources[0];
  await eventually('pictures', async () => ((await cameraState())?.captures ?? 0) >= 10);
  const pid = Number(readFileSync(pids, 'utf8').trim());
  process.kill(pid, 'SIGSTOP');
  await eventually('the stall', async () => (await cameraState())?.state === 'degraded');
  const pings = () => (existsSync(sent) ? readFileSync(sent, 'utf8') : '').split('WATCHDOG=1').length;
  const before = pings();
  await eventually('more pings', async () => pings() > before + 2);
  const { captures } = (await cameraState()) ?? { captures: 0 };
  await eventually('pictures of another process', async () => ((await cameraState())?.captures ?? 0) > captures + 3);
  expect(readFileSync(sent, 'utf8')).not.toContain('no progress');
  expect(await daemon.stop('SIGTERM')).toEqual({ code: 0, signal: null });

  const database = new DatabaseSync(join(device.state, 'store.db'), { readOnly: true });
  const bursts = database.prepare('SELECT said, count(*) AS n FROM samples GROUP BY said ORDER BY min(id)').all();
  database.close();
  expect(bursts.length).toBeGreaterThan(1);
  expect(bursts.every(({ said }) => /^[0-9a-f]{12}-\d+$/.test(String(said)))).toBe(true);
  expect(Number(bursts[0]?.n)).toBeGreaterThan(5);
});
