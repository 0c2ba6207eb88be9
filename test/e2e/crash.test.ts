// kill -9 at seeded moments of collecting, learning, judging and releasing, on the real daemon: after every start the store opens, the
// current release is whole, nothing acknowledged is missing; at the end every picture is there once and every report has arrived.
import { existsSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomOf } from '../../agent/random.ts';
import { createReleases } from '../../agent/release/releases.ts';
import { idOfRow } from '../../agent/store/sample-id.ts';
import { type Broker, mosquittoMissing, needsMosquitto, startBroker } from '../broker.ts';
import { type Subscriber, subscribe } from '../uplink/subscriber.ts';
import { createDevice, eventually, photographs, type TestDevice } from './daemon.ts';

/** When the daemon is killed: so long after this happened. */
const moments = ['start', 'pictures', 'features', 'closed form', 'gate', 'release', 'current', 'report'] as const;
const kills = 12;
/** No broker between these kills. */
const brokerAway = { from: 4, until: 8 };

describe.skipIf(mosquittoMissing)(`a device that loses its power again and again${needsMosquitto}`, { timeout: 150_000 }, () => {
  let broker: Broker;
  let dashboard: Subscriber;
  let device: TestDevice;

  beforeAll(async () => {
    broker = await startBroker();
    dashboard = await subscribe(broker.url, 'whetstone/#');
    device = createDevice('field', [
      ...['classes: replace', 'duplicates: {windowSeconds: 0}', 'retention: {releases: 3}', 'queries: {perHour: 0}'],
      ...['training: {minNewLabels: 100000, minPerClass: 3}', `mqtt: {url: "${broker.url}"}`],
    ]);
  });

  afterAll(async () => {
    await Promise.all([device?.close(), dashboard?.close()]);
    await broker?.close();
  });

  it('loses nothing that it acknowledged', async () => {
    const random = randomOf(20_261);
    const labelled = await photographs(['disc', 'stripes', 'ring'], 30, 11);
    const unlabelled = await photographs(['cross'], kills * 2, 12);
    const acknowledged = new Map<string, string>();
    let dropped = 0;
    const drop = (path: string, bytes: Uint8Array) => {
      device.drop(path, bytes);
      dropped += 1;
    };
    for (const { label, name, bytes } of labelled.splice(0, 24)) drop(`${label}/${name}`, bytes);
    let samples = 0;

    for (let kill = 0; kill < kills; kill += 1) {
      if (kill === brokerAway.from) await broker.stop();
      if (kill === brokerAway.until) await backAgain();
      const moment = moments[kill % moments.length]!;
      const daemon = device.spawn();
      if (moment === 'start') {
        await pause(200 + random() * 900);
      } else {
        await daemon.says('"msg":"ready"');
        samples = await checkAfterStart(acknowledged, samples);
        for (const { label, name, bytes } of labelled.splice(0, 4)) drop(`${label}/${name}`, bytes);
        for (const { name, bytes } of unlabelled.splice(0, 2)) drop(name, bytes);
        await labelSome(acknowledged);
        await momentOf(moment);
        await pause(random() * 60);
      }
      await daemon.stop('SIGKILL');
    }

    if (brokerAway.until >= kills) await backAgain();
    const last = await device.start();
    await checkAfterStart(acknowledged, samples);
    // Every picture that ever lay in the folder is a sample, and none is it twice.
    await eventually('every picture once', async () => (await device.client.status()).samples.total >= dropped, 30_000);
    await pause(1500);
    expect((await device.client.status()).samples.total).toBe(dropped);
    await device.client.rollback('base');
    expect((await device.client.train('the last one')).verdict.kind).toBe('accepted');
    await eventually('an empty outbox', async () => (await device.client.status()).mqtt?.waiting === 0, 30_000);
    expect(await last.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(leftCandidates()).toEqual([]);
    const runs = rows<{ id: string; state: string }>('SELECT id, state FROM runs');
    const [finished, interrupted] = ['finished', 'interrupted'].map((state) =>
      runs.filter((run) => run.state === state).map(({ id }) => id),
    );
    // Otherwise the moments were chosen badly, and the test shows little.
    expect(interrupted?.length).toBeGreaterThan(2);
    const reported = () => dashboard.texts('whetstone/field/report').map((text) => (JSON.parse(text) as { run: string }).run);
    await eventually('the last report', () => reported().includes(finished?.at(-1) ?? ''));
    expect(finished?.filter((run) => !reported().includes(run))).toEqual([]);
  });

  async function backAgain(): Promise<void> {
    await broker.start();
    await eventually('the dashboard connected', () => dashboard.client.connected);
    await pause(300);
  }

  /** The number of samples, which must not have become smaller. */
  async function checkAfterStart(acknowledged: ReadonlyMap<string, string>, before: number): Promise<number> {
    expect(leftCandidates()).toEqual([]);
    const status = await device.client.status();
    expect(status.samples.total).toBeGreaterThanOrEqual(before);
    if (status.release !== 'base') {
      const manifest = await createReleases(join(device.state, 'releases'), { now: Date.now }).verify(status.release);
      expect(manifest.classes).toEqual(status.model.classes);
    }
    const stored = new Map(
      rows<{ id: number; label: string | null }>('SELECT id, label FROM samples').map(({ id, label }) => [idOfRow(id), label]),
    );
    for (const [sample, label] of acknowledged) expect({ sample, label: stored.get(sample) }).toEqual({ sample, label });
    return status.samples.total;
  }

  /** Labels what has none yet; what is answered counts as acknowledged. */
  async function labelSome(acknowledged: Map<string, string>): Promise<void> {
    const ids = rows<{ id: number }>('SELECT id FROM samples WHERE label IS NULL ORDER BY id').map(({ id }) => idOfRow(id));
    for (const id of ids.slice(0, 2)) {
      const label = acknowledged.size % 2 === 0 ? 'cross' : 'other';
      const { labelled } = await device.client.label({ label, samples: [id], by: 'cli' });
      if (labelled === 1) acknowledged.set(id, label);
    }
  }

  /** Resolves when the moment has come; what was asked for is cut off by the kill. */
  async function momentOf(moment: (typeof moments)[number]): Promise<void> {
    if (moment === 'start' || moment === 'pictures') return;
    await device.client.rollback('base');
    const changed = new Promise<void>((resolve) => {
      const watcher = watch(join(device.state, 'releases'), (_event, name) => {
        const wanted = moment === 'release' ? /^\d{6}/ : /^current/;
        if ((moment !== 'release' && moment !== 'current') || name === null || !wanted.test(name)) return;
        watcher.close();
        resolve();
      });
    });
    const stage = new Promise<void>((resolve) => {
      const training = device.client.train(`killed at ${moment}`, (_done, _total, what) => what === moment && resolve());
      training.then(
        () => resolve(),
        () => resolve(),
      );
    });
    await Promise.race([changed, stage]);
  }

  function rows<T>(sql: string): readonly T[] {
    const database = new DatabaseSync(join(device.state, 'store.db'), { readOnly: true });
    try {
      return database.prepare(sql).all() as unknown as readonly T[];
    } finally {
      database.close();
    }
  }

  function leftCandidates(): readonly string[] {
    const path = join(device.state, 'candidates');
    return existsSync(path) ? readdirSync(path) : [];
  }
});
