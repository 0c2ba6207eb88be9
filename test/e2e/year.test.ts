// A board's year on one real device: 1970 at boot, NTP, both nights of summer time, a disk that comes late, a month without a broker, a
// certificate that runs out, another base model, a full disk. After each it predicts, and every label that it acknowledged is there.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { idOfRow } from '../../agent/store/sample-id.ts';
import { type Broker, freePort, mosquittoMissing, needsMosquitto, startBroker } from '../broker.ts';
import { photograph } from '../images.ts';
import { type Subscriber, subscribe } from '../uplink/subscriber.ts';
import { createDevice, type Daemon, eventually, photographs, type TestDevice } from './daemon.ts';
import { otherBase, ownBase } from './own-base.ts';
import { createShiftedClock, type ShiftedClock } from './shifted-clock.ts';
import { fill, mountSmallDisk, unmount } from './small-disk.ts';

const disk = mosquittoMissing ? null : mountSmallDisk(24);
const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];

// The limit is only against hanging: a busy board takes minutes.
describe.skipIf(mosquittoMissing)(`a board's year${needsMosquitto}`, { timeout: 300_000 }, () => {
  let broker: Broker;
  let dashboard: Subscriber;
  let device: TestDevice;
  let clock: ShiftedClock;
  let daemon: Daemon;
  /** What was acknowledged. */
  const labels = new Map<string, string>();
  let pictures = 0;

  beforeAll(async () => {
    const plain = await freePort();
    broker = await startBroker({ tls: { clientCertificates: true }, lines: [`listener ${plain} 127.0.0.1`] });
    dashboard = await subscribe(`mqtt://127.0.0.1:${plain}`, 'whetstone/#');
    const { caFile, certFile, keyFile } = broker.certificates!;
    device = createDevice(
      'board',
      [
        ...['classes: replace', 'duplicates: {windowSeconds: 0}', 'queries: {below: 1, perHour: 3600}'],
        'training: {schedule: "30 2 * * *", minNewLabels: 1, minPerClass: 3}',
        `mqtt: {url: "${broker.url}", outboxDays: 60, ca: "${caFile}", cert: "${certFile}", key: "${keyFile}"}`,
      ],
      {
        ...(disk === null ? {} : { state: join(disk, 'state') }),
        sources: [
          '{name: inbox, kind: folder, path: inbox, rescanSeconds: 1}',
          '{name: stick, kind: folder, path: stick, rescanSeconds: 1}',
        ],
      },
    );
    clock = createShiftedClock(join(device.folder, 'clock'), 'Europe/Berlin');
  });

  afterAll(async () => {
    await Promise.all([device?.close(), dashboard?.close()]);
    await broker?.close();
    if (disk !== null) unmount(disk);
  });

  const status = () => device.client.status({});
  const rows = <T>(sql: string): readonly T[] => {
    const database = new DatabaseSync(join(device.state, 'store.db'), { readOnly: true });
    try {
      return database.prepare(sql).all() as unknown[] as readonly T[];
    } finally {
      database.close();
    }
  };
  const samples = () =>
    rows<{ id: number; label: string | null }>('SELECT id, label FROM samples ORDER BY id').map((row) => ({ ...row, id: idOfRow(row.id) }));
  const runs = () => rows<{ id: string; reason: string; state: string }>('SELECT id, reason, state FROM runs ORDER BY seq');

  /** A new picture is a sample with an answer of the release that is current. */
  async function predicts(): Promise<string> {
    const known = new Set(samples().map(({ id }) => id));
    pictures += 1;
    device.drop(`${pictures}.jpg`, await photograph('disc', 7000 + pictures));
    return eventually('a prediction', async () => {
      const { release } = await status();
      const news = rows<{ id: number; release: string }>('SELECT id, release FROM samples ORDER BY id');
      return news.find((row) => !known.has(idOfRow(row.id)) && row.release === release)?.id;
    }).then(idOfRow);
  }

  async function label(sample: string): Promise<void> {
    expect(await device.client.label({ sample, label: 'disc' })).toEqual({ labelled: 1, unknown: [] });
    labels.set(sample, 'disc');
  }

  afterEach(async () => {
    await label(await predicts());
    const there = new Map(samples().map(({ id, label }) => [id, label]));
    for (const [sample, label] of labels) expect(there.get(sample)).toBe(label);
  });

  const decided = (decision: string) => eventually(decision, async () => (await status()).training.decision === decision);

  /**
   * The calendar has looked at the clock as it is now: it does once it has been quiet for three seconds after something changed. What it decided
   * is no sign of that, for it is told as things stand.
   */
  async function looked(): Promise<void> {
    await device.client.pause({});
    await device.client.resume({});
    await new Promise((resolve) => setTimeout(resolve, 5000));
  }

  /** From the minute before a slot to the minute after it. Gives the runs that began. */
  async function night(before: string): Promise<number> {
    clock.set(before);
    await looked();
    await decided('enough new labels; waiting for the schedule');
    const earlier = runs().length;
    clock.pass(minute);
    await label(await predicts());
    await eventually('the run of the night', () => runs().length > earlier && runs().at(-1)?.state === 'finished');
    return runs().length - earlier;
  }

  it('boots in 1970, and learns', async () => {
    clock.set('1970-01-01T00:00:20Z');
    daemon = await device.start({ env: clock.env });
    for (const { label, name, bytes } of await photographs(['disc', 'stripes'], 6, 3)) device.drop(`${label}/${name}`, bytes);
    await eventually('all labels', async () => (await status()).samples.labelled === 12);
    for (const { id, label } of samples()) labels.set(id, label!);
    expect((await device.client.train({})).verdict.kind).toBe('accepted');
    expect(runs()[0]?.id).toMatch(/^19700101T/);
  });

  it('gets its time by NTP, 56 years later', async () => {
    clock.set('2026-03-20T08:00:00Z');
    await predicts();
    await device.client.rollback({ version: 'base' });
    const { run, release } = await device.client.train({});
    expect({ run, release: (await status()).release }).toEqual({ run: expect.stringMatching(/^20260320T08/), release });
  });

  it('trains once in the night without a half past two', async () => {
    expect(await night('2026-03-29T00:59:20Z')).toBe(1);
  });

  it('takes up a disk that is mounted an hour late', async () => {
    const state = async () => (await status()).sources.find(({ name }) => name === 'stick')?.state;
    expect(await state()).toBe('degraded');
    clock.pass(hour);
    mkdirSync(join(device.folder, 'mnt'));
    writeFileSync(join(device.folder, 'mnt', 'a.jpg'), await photograph('stripes', 99));
    const before = samples().length;
    renameSync(join(device.folder, 'mnt'), join(device.folder, 'stick'));
    await eventually('its picture', () => samples().length === before + 1);
    expect(await state()).toBe('running');
  });

  it('lives a month without its broker, and brings what it has to say afterwards', async () => {
    await broker.stop();
    await eventually('the loss', async () => (await status()).mqtt?.connected === false);
    const first = await predicts();
    await device.client.rollback({ version: 'base' });
    const { run } = await device.client.train({});
    clock.pass(31 * day);
    const second = await predicts();
    clock.set('2026-06-01T12:00:00Z');
    await broker.start();
    const came = (topic: string, what: string) => dashboard.texts(`whetstone/board/${topic}`).some((text) => text.includes(what));
    await eventually('the report and both questions', () => came('report', run) && came('query', first) && came('query', second));
  });

  it('trains once in the night with two half past twos', async () => {
    // The first of them passes; then an hour, in which the wall clock goes back.
    expect(await night('2026-10-25T00:29:20Z')).toBe(1);
    const earlier = runs().length;
    await label(await predicts());
    clock.pass(hour - 90_000);
    await looked();
    clock.pass(2 * minute);
    await looked();
    await decided('enough new labels; waiting for the schedule');
    expect(runs()).toHaveLength(earlier);
  });

  it('says that a certificate ran out, and needs nobody when it is renewed', async () => {
    sign(-1);
    await broker.stop();
    await broker.start();
    const { mqtt } = await eventually('the reason', async () => {
      const now = await status();
      return /expired/i.test(now.mqtt?.failure ?? '') ? now : null;
    });
    expect(mqtt?.connected).toBe(false);
    const asked = await predicts();
    sign(2);
    await broker.stop();
    await broker.start();
    await eventually('the question', () => dashboard.texts('whetstone/board/query').some((text) => text.includes(asked)));
  });

  /** The certificate of the broker, valid for so many days. */
  function sign(days: number): void {
    const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
    execFileSync('openssl', ['x509', '-req', '-in', 'server.csr', '-out', 'server.crt', '-days', String(days), ...authority], {
      cwd: broker.folder,
      stdio: 'pipe',
    });
  }

  it('gets another base model, and learns a release for it', async () => {
    const { release } = await status();
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    writeFileSync(ownBase(device), otherBase());
    daemon = await device.start({ env: clock.env });
    const now = await eventually('a release for it', async () => {
      const { training, ...now } = await status();
      return now.release !== release && now.release !== 'base' && !training.running ? now : null;
    });
    expect(now.samples.labelled).toBe(labels.size);
  });

  it.skipIf(disk === null)(
    `goes on after its disk was full${disk === null ? ' (skipped: only root may mount a small disk)' : ''}`,
    async () => {
      const filler = join(disk!, 'filler');
      fill(filler);
      pictures += 1;
      device.drop(`${pictures}.jpg`, await photograph('stripes', 7000 + pictures));
      await eventually('the full disk said', async () => /no space|full/i.test((await status()).sources[0]?.lastError ?? ''));
      const before = samples().length;
      rmSync(filler);
      await eventually('the picture taken after all', () => samples().length === before + 1);
    },
  );

  it('has told everything by the end of the year', async () => {
    clock.set('2027-01-01T00:00:00Z');
    await eventually('an empty outbox', async () => (await status()).mqtt?.waiting === 0);
    const told = (topic: string) => dashboard.texts(`whetstone/board/${topic}`).join();
    const reports = told('report');
    for (const { id, state } of runs()) if (state === 'finished') expect(reports).toContain(id);
    const questions = told('query');
    for (const { sample } of rows<{ sample: number }>('SELECT sample FROM queries WHERE sample IS NOT NULL'))
      expect(questions).toContain(idOfRow(sample));
    expect(daemon.said).not.toContain('moved aside');
    expect(readFileSync(join(device.folder, 'clock'), 'utf8')).toMatch(/^\d+ \d+$/);
  });
});
