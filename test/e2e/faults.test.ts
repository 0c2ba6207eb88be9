// What goes wrong around a device: no broker, no room, no permission, broken pictures, a broken camera, a killed trainer, a dead worker,
// a wrong configuration. Each is met on the real daemon; it says what is wrong, goes on with the rest, and loses nothing.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { crc32, deflateSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { TrainingReport } from '../../agent/types.ts';
import { freePort, mosquittoMissing, needsMosquitto, startBroker } from '../broker.ts';
import { createHold } from '../hold.ts';
import { photograph } from '../images.ts';
import { subscribe } from '../uplink/subscriber.ts';
import { createDevice, eventually, modelPath, photographs, type TestDevice, whet } from './daemon.ts';
import { fill, mountSmallDisk, unmount } from './small-disk.ts';

const plain = ['classes: replace', 'duplicates: {windowSeconds: 0}', 'training: {minNewLabels: 100000, minPerClass: 3}'];
const open: { close(): unknown }[] = [];

function deviceWith(lines: readonly string[], options: Parameters<typeof createDevice>[2] = {}): TestDevice {
  const device = createDevice('faulty', [...plain, ...lines], options);
  open.push(device);
  return device;
}

async function dropLabelled(device: TestDevice, perClass = 6): Promise<void> {
  for (const { label, name, bytes } of await photographs(['disc', 'stripes'], perClass, 31)) device.drop(`${label}/${name}`, bytes);
  await eventually('all labels', async () => (await device.client.status({})).samples.labelled === 2 * perClass);
}

afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

describe.skipIf(mosquittoMissing)(`without a broker${needsMosquitto}`, { timeout: 900_000 }, () => {
  it('starts, works, and delivers everything when the broker comes', async () => {
    const port = await freePort();
    const device = deviceWith([`mqtt: {url: "mqtt://127.0.0.1:${port}"}`, 'queries: {below: 1, perHour: 100}']);
    await device.start();
    await dropLabelled(device);
    device.drop('unknown.jpg', await photograph('disc', 77));
    const { mqtt } = await eventually('a question', async () => {
      const status = await device.client.status({});
      return status.questions === 1 && status.mqtt?.failure !== null ? status : null;
    });
    expect(mqtt).toMatchObject({ connected: false });
    expect(mqtt?.failure).toMatch(/\S+ \S+/);
    const { run, release } = await device.client.train({ reason: 'nobody listens' });
    const broker = await startBroker({ port });
    open.push(broker);
    const dashboard = await subscribe(broker.url, 'whetstone/#');
    open.push(dashboard);
    const text = (rest: string) => dashboard.texts(`whetstone/faulty/${rest}`).join();
    await eventually('the report', () => text('report').includes(run));
    await eventually(
      'manifest, question and status',
      () => text('model').includes(release ?? '?') && text('query') && text('status') === 'online',
    );
  });
});

describe('a state directory', { timeout: 900_000 }, () => {
  it('that cannot be made is a problem of the configuration (78) for the daemon, and no permission (77) for the rest', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'whet-'));
    open.push({ close: () => rmSync(folder, { recursive: true }) });
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const device = deviceWith([], { state: join(file, 'state') });
    const daemon = device.spawn();
    expect(await daemon.ended).toEqual({ code: 78, signal: null });
    expect(daemon.said).toContain(join(file, 'state'));
    expect((await device.whet('status')).code).toBe(77);
  });

  const mount = mountSmallDisk();
  it.skipIf(mount === null)(
    `on a full disk refuses what is new, keeps what is old, and goes on when there is room${mount === null ? ' (skipped: only root may mount a small disk)' : ''}`,
    async () => {
      open.push({ close: () => unmount(mount!) });
      const device = deviceWith([], { state: join(mount!, 'state') });
      await device.start();
      await dropLabelled(device);
      const filler = join(mount!, 'filler');
      fill(filler);
      const fresh = await photographs(['ring'], 8, 32);
      for (const { label, name, bytes } of fresh) device.drop(`${label}/${name}`, bytes);
      const full = await eventually('the full disk said', async () => {
        const status = await device.client.status({});
        return /no space|full/i.test(status.sources[0]?.lastError ?? '') ? status : null;
      });
      expect(full.samples.byClass).toMatchObject({ disc: 6, stripes: 6 });
      const train = await device.whet('train', '--json');
      expect(train.json<{ error: { code: string } }>().error.code).toBe('disk-full');
      expect(train.code).toBe(74);
      expect((await device.client.status({})).release).toBe('base');
      rmSync(filler);
      await eventually('everything taken after all', async () => (await device.client.status({})).samples.labelled === 20);
      expect((await device.client.train({ reason: 'room again' })).verdict.kind).toBe('accepted');
    },
  );
});

describe('a disk that is full at start', { timeout: 900_000 }, () => {
  const mount = mountSmallDisk();
  it.skipIf(mount === null)(
    `ends no daemon, also where a run was cut off before${mount === null ? ' (skipped: only root may mount a small disk)' : ''}`,
    async () => {
      open.push({ close: () => unmount(mount!) });
      const port = await freePort();
      const device = deviceWith([`mqtt: {url: "mqtt://127.0.0.1:${port}"}`], { state: join(mount!, 'state') });
      const hold = createHold(join(device.folder, 'hold'));
      const first = await device.start({ env: hold.env });
      await dropLabelled(device);
      hold.at('after send progress features');
      const cut = device.client.train({}).catch(() => null);
      await hold.held(cut);
      hold.clear();
      await first.stop('SIGKILL');
      await cut;
      const filler = join(mount!, 'filler');
      fill(filler);
      const daemon = await device.start();
      expect(daemon.said).toContain('the disk is full at start');
      expect((await device.client.status({})).samples.labelled).toBe(12);
      // After a clean stop SQLite needs room before it can read.
      rmSync(filler);
      expect(await daemon.stop()).toEqual({ code: 0, signal: null });
      fill(filler);
      await device.start();
      expect((await device.client.status({})).samples.labelled).toBe(12);
      rmSync(filler);
      expect((await device.client.train({})).verdict.kind).toBe('accepted');
      const database = new DatabaseSync(join(device.state, 'store.db'), { readOnly: true });
      const states = database.prepare('SELECT state FROM runs ORDER BY seq').all();
      database.close();
      expect(states).toEqual([{ state: 'interrupted' }, { state: 'finished' }]);
    },
  );
});

describe('pictures that are none', { timeout: 900_000 }, () => {
  it('are passed over with a word, once; the next good one is taken', async () => {
    const device = deviceWith([]);
    const daemon = await device.start();
    const good = await photograph('ring', 5, { width: 200, height: 200 });
    device.drop('text.jpg', Buffer.from('This is not a picture.\n'.repeat(20)));
    device.drop('torn.jpg', good.subarray(0, good.length / 2));
    device.drop('bomb.png', flatPng(10_000, 10_000));
    device.drop('empty.jpg', Buffer.alloc(0));
    device.drop('moving.gif', movingGif());
    device.drop('good.jpg', good);
    await eventually('the good ones', async () => (await device.client.status({})).samples.total === 2);
    for (const name of ['text.jpg', 'torn.jpg', 'bomb.png']) await daemon.says(name);
    await daemon.stop('SIGTERM');
    const again = await device.start();
    device.drop('better.jpg', await photograph('disc', 6));
    await eventually('another good one', async () => (await device.client.status({})).samples.total === 3);
    for (const name of ['text.jpg', 'torn.jpg', 'bomb.png']) expect(again.said).not.toContain(name);
  });
});

describe('a camera program', { timeout: 900_000 }, () => {
  it.each([
    ['dies after each picture', 'process.exit(3)'],
    ['hangs after each picture', 'setInterval(() => {}, 1000)'],
  ])('that %s is started again, and the daemon still stops', async (_what, then) => {
    const folder = mkdtempSync(join(tmpdir(), 'whet-camera-'));
    open.push({ close: () => rmSync(folder, { recursive: true }) });
    writeFileSync(join(folder, 'picture.jpg'), await photograph('disc', 3));
    const script = join(folder, 'camera.mjs');
    writeFileSync(
      script,
      `import { readFileSync, writeSync } from 'node:fs';\nwriteSync(1, readFileSync(${JSON.stringify(join(folder, 'picture.jpg'))}));\n${then};\n`,
    );
    const command = `[${JSON.stringify(process.execPath)}, ${JSON.stringify(script)}]`;
    const source = `{name: camera, kind: mjpeg, command: ${command}, framesPerSecond: 20, stallSeconds: 1}`;
    const device = deviceWith([], { sources: [source] });
    const daemon = await device.start();
    await eventually('three pictures', async () => ((await device.client.status({})).sources[0]?.captures ?? 0) >= 3);
    await daemon.says('capture program will be started again');
    expect(await daemon.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

describe('parts that die', { timeout: 900_000 }, () => {
  it('a trainer killed in its run: the run failed, the release stays, the next run goes through', async () => {
    const device = deviceWith([]);
    const hold = createHold(join(device.folder, 'hold'));
    const daemon = await device.start({ env: hold.env });
    await dropLabelled(device, 10);
    const { release } = await device.client.train({ reason: 'before' });
    await device.client.rollback({ version: 'base' });
    hold.at('after send progress features');
    const killed = device.client.train({ reason: 'to be killed' });
    const { pid } = await hold.held(killed);
    expect(childrenOf(daemon.pid)).toContain(pid);
    hold.clear();
    process.kill(pid, 'SIGKILL');
    await expect(killed).rejects.toMatchObject({ code: 'trainer-failed', message: expect.stringContaining('SIGKILL') });
    await device.client.rollback({ version: release ?? 'base' });
    const status = await device.client.status({});
    expect(status).toMatchObject({ release, training: { running: false, last: { verdict: 'accepted' } } });
    expect(readdirSync(join(device.state, 'candidates'))).toEqual([]);
    await device.client.rollback({ version: 'base' });
    const again = await device.whet('train', '--json');
    expect(again.json<TrainingReport>().verdict.kind).toBe('accepted');
  });

  it('an inference worker that ends: pictures wait, it comes back with the current release, a rollback meanwhile counts', async () => {
    const device = deviceWith([]);
    const preload = join(device.folder, 'worker-killer.mjs');
    writeFileSync(preload, "process.on('worker', (worker) => process.once('SIGUSR2', () => worker.terminate()));\n");
    const daemon = await device.start({ preload });
    await dropLabelled(device, 8);
    const { release } = await device.client.train({ reason: 'a release' });
    expect(release).not.toBeNull();
    process.kill(daemon.pid, 'SIGUSR2');
    await daemon.says('inference worker ended');
    await device.client.rollback({ version: 'base' });
    for (const [index, { name, bytes }] of (await photographs(['disc'], 3, 33)).entries()) device.drop(`${index}-${name}`, bytes);
    await eventually('all pictures', async () => (await device.client.status({})).samples.total === 19);
    const database = new DatabaseSync(join(device.state, 'store.db'), { readOnly: true });
    const used = database.prepare('SELECT DISTINCT release FROM samples WHERE label IS NULL').all();
    database.close();
    expect(used).toEqual([{ release: 'base' }]);
  });
});

describe('a wrong configuration', () => {
  it('ends run and check with status 78 and every problem at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'whet-'));
    open.push({ close: () => rmSync(folder, { recursive: true }) });
    const config = join(folder, 'w.yaml');
    writeFileSync(config, `devise: x\nmodel: ${modelPath}\nthreads: many\nsources: [{name: a, kind: folder}]\nqueries: {below: 7}\n`);
    const [run, check] = await Promise.all([whet('run', '--config', config), whet('check', '--config', config)]);
    for (const { code, stdout, stderr } of [run, check]) {
      expect(code).toBe(78);
      for (const word of ['devise', 'threads', 'path', 'below']) expect(stdout + stderr).toContain(word);
    }
    const missing = await whet('run', '--config', join(folder, 'none.yaml'));
    expect(missing.code).toBe(78);
  });
});

/** Processes whose parent this one is. */
function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/** A valid PNG of one grey, small in bytes however large in pixels. */
function flatPng(width: number, height: number): Buffer {
  const chunk = (kind: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(kind, 'latin1'), data]);
    const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // One bit a pixel, grey.
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((Math.ceil(width / 8) + 1) * height));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]);
}

/** Two frames of 1×1, red and blue, repeated for ever. */
function movingGif(): Buffer {
  const frame = (index: number) => [0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, index === 0 ? 0x44 : 0x4c, 1, 0];
  const loop = [0x21, 0xff, 11, ...Buffer.from('NETSCAPE2.0'), 3, 1, 0, 0, 0];
  return Buffer.from([...Buffer.from('GIF89a'), 1, 0, 1, 0, 0x80, 0, 0, 255, 0, 0, 0, 0, 255, ...loop, ...frame(0), ...frame(1), 0x3b]);
}
