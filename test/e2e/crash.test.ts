// kill -9 at every moment of starting, collecting, labelling, learning, judging, releasing and reporting, on the real daemon, which is held
// there (test/hold.ts): after every start the store opens, the current release is whole, nothing acknowledged is missing, and exactly the
// runs that were cut off say so; at the end every picture is there once and every report has arrived.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { machineClock } from '../../agent/clock.ts';
import { createReleases } from '../../agent/release/releases.ts';
import { idOfRow } from '../../agent/store/sample-id.ts';
import { type Broker, mosquittoMissing, needsMosquitto, startBroker } from '../broker.ts';
import { createHold, type Hold } from '../hold.ts';
import { type Subscriber, subscribe } from '../uplink/subscriber.ts';
import { type Moment, moments } from './crash-moments.ts';
import { createDevice, type Daemon, eventually, photographs, type TestDevice } from './daemon.ts';

type Picture = Awaited<ReturnType<typeof photographs>>[number];

// The limit is only against hanging: a busy board takes minutes.
describe.skipIf(mosquittoMissing)(`a device that loses its power again and again${needsMosquitto}`, { timeout: 900_000 }, () => {
  let broker: Broker;
  let dashboard: Subscriber;
  let device: TestDevice;
  let hold: Hold;
  /** What must be said of a sample at the next start: what was acknowledged, and what a kill surely kept or lost. */
  const labels = new Map<string, string | null>();
  /** What the state of every run must be, in the order in which they began. */
  const runs: string[] = [];
  let current: 'base' | 'release' = 'base';
  let dropped = 0;

  beforeAll(async () => {
    broker = await startBroker();
    dashboard = await subscribe(broker.url, 'whetstone/#');
    device = createDevice('field', [
      ...['classes: replace', 'duplicates: {windowSeconds: 0}', 'retention: {releases: 3}', 'queries: {perHour: 0}'],
      ...['training: {minNewLabels: 100000, minPerClass: 3}', `mqtt: {url: "${broker.url}"}`],
    ]);
    hold = createHold(join(device.folder, 'hold'));
  });

  afterAll(async () => {
    await Promise.all([device?.close(), dashboard?.close()]);
    await broker?.close();
  });

  it('loses nothing that it acknowledged', async () => {
    const labelled = await photographs(['disc', 'stripes', 'ring'], 8 + moments.length, 11);
    const unlabelled = await photographs(['cross'], 2 * moments.length + 1, 12);
    for (const { label, name, bytes } of labelled.splice(0, 24)) drop(`${label}/${name}`, bytes);
    let samples = 0;

    for (const [index, moment] of moments.entries()) {
      const wasAway = moments[index - 1]?.brokerAway === true;
      if (moment.brokerAway && !wasAway) await broker.stop();
      if (!moment.brokerAway && wasAway) await backAgain();
      samples = await liveUntil(moment, samples, labelled.splice(0, 2), unlabelled.splice(0, 2));
    }

    hold.clear();
    const last = await device.start();
    await checkAfterStart(samples);
    // Every picture that ever lay in the folder is a sample, and none is it twice: all that lay there was looked at before this one.
    await eventually('every picture', async () => (await device.client.status({})).samples.total >= dropped);
    const [marker] = unlabelled.splice(0, 1);
    drop(marker!.name, marker!.bytes);
    await eventually('the last picture', async () => (await device.client.status({})).samples.total >= dropped);
    expect((await device.client.status({})).samples.total).toBe(dropped);
    await device.client.rollback({ version: 'base' });
    expect((await device.client.train({ reason: 'the last one' })).verdict.kind).toBe('accepted');
    runs.push('finished');
    await eventually('an empty outbox', async () => (await device.client.status({})).mqtt?.waiting === 0);
    expect(await last.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(leftCandidates()).toEqual([]);
    expect(statesOfRuns()).toEqual(runs);
    const reported = () => dashboard.texts('whetstone/field/report').map((text) => (JSON.parse(text) as { run: string }).run);
    const finished = rows<{ id: string }>("SELECT id FROM runs WHERE state = 'finished' ORDER BY seq").map(({ id }) => id);
    await eventually('every report', () => finished.every((run) => reported().includes(run)));
    expect([...new Set(reported())]).toEqual(finished);
  });

  function drop(path: string, bytes: Uint8Array): void {
    device.drop(path, bytes);
    dropped += 1;
  }

  /** One life, from the start to the moment. */
  async function liveUntil(moment: Moment, before: number, labelled: readonly Picture[], unlabelled: readonly Picture[]): Promise<number> {
    hold.clear();
    if (moment.kind === 'start') hold.at(...moment.steps);
    const daemon = device.spawn({ env: hold.env });
    if (moment.kind === 'start') {
      await killAt(moment, daemon, daemon.ended);
      return before;
    }
    await daemon.says('"msg":"ready"');
    const samples = await checkAfterStart(before);
    await eventually('everything that lies there', async () => (await device.client.status({})).samples.total === dropped);
    if (moment.kind === 'picture') {
      hold.at(...moment.steps);
      for (const { name, bytes } of unlabelled) drop(name, bytes);
      await killAt(moment, daemon, daemon.ended);
      return samples;
    }
    await device.client.rollback({ version: 'base' });
    current = 'base';
    for (const { label, name, bytes } of labelled) drop(`${label}/${name}`, bytes);
    for (const { name, bytes } of unlabelled) drop(name, bytes);
    await eventually('the new pictures', async () => (await device.client.status({})).samples.total === dropped);
    await labelSome();
    if (moment.kind === 'label') {
      const [id] = unlabelledIds();
      hold.at(...moment.steps);
      await killAt(moment, daemon, device.client.label({ sample: id!, label: 'cross' }));
      labels.set(id!, moment.label);
      return dropped;
    }
    hold.at(...moment.steps);
    await killAt(moment, daemon, device.client.train({ reason: moment.name }));
    if (moment.candidate) expect(leftCandidates(), moment.name).toHaveLength(1);
    expect(statesOfRuns(), moment.name).toEqual([...runs, moment.run === 'interrupted' ? 'running' : 'finished']);
    runs.push(moment.run);
    current = moment.current;
    return dropped;
  }

  /** Waits until the device stands at the moment, and ends it there; `ends` settles too early where it never comes. */
  async function killAt(moment: Moment, daemon: Daemon, ends: Promise<unknown>): Promise<void> {
    const over = ends.then((result) => `it went through: ${JSON.stringify(result).slice(0, 500)}`, String);
    const { pid, step } = await hold.held(over).catch(async (error: Error) => {
      throw new Error(`'${moment.name}': ${error.message}; ${await over}; ${daemon.said.slice(-1500)}`);
    });
    const last = moment.steps.at(-1)!;
    expect(step, moment.name).toMatch(new RegExp(typeof last === 'string' ? last : last.match));
    expect(pid === daemon.pid ? 'daemon' : 'trainer', moment.name).toBe(moment.kind === 'run' ? moment.by : 'daemon');
    // Both at once, as when the power goes.
    for (const victim of new Set([daemon.pid, pid])) process.kill(victim, 'SIGKILL');
    expect(await daemon.ended).toEqual({ code: null, signal: 'SIGKILL' });
    await over;
  }

  async function backAgain(): Promise<void> {
    await broker.start();
    // Connected is not subscribed again.
    await eventually('the dashboard listening', async () => {
      if (dashboard.client.connected) await dashboard.send('whetstone/listening', 'yes');
      return dashboard.texts('whetstone/listening').length > 0;
    });
  }

  /** The number of samples, which must not have become smaller. */
  async function checkAfterStart(before: number): Promise<number> {
    expect(leftCandidates()).toEqual([]);
    expect(statesOfRuns()).toEqual(runs);
    const status = await device.client.status({});
    expect(status.samples.total).toBeGreaterThanOrEqual(before);
    const releases = createReleases(join(device.state, 'releases'), machineClock);
    expect(readdirSync(join(device.state, 'releases')).filter((name) => name.startsWith('.part-'))).toEqual([]);
    expect((await releases.list()).broken).toEqual([]);
    expect(status.release === 'base' ? 'base' : 'release').toBe(current);
    if (status.release !== 'base') {
      const manifest = await releases.verify(status.release);
      expect(manifest.classes).toEqual(status.model.classes);
    }
    const stored = new Map(
      rows<{ id: number; label: string | null }>('SELECT id, label FROM samples').map(({ id, label }) => [idOfRow(id), label]),
    );
    for (const [sample, label] of labels) expect({ sample, label: stored.get(sample) }).toEqual({ sample, label });
    return status.samples.total;
  }

  /** Labels what has none yet; what is answered counts as acknowledged. */
  async function labelSome(): Promise<void> {
    for (const id of unlabelledIds().slice(0, 2)) {
      const label = labels.size % 2 === 0 ? 'cross' : 'other';
      const { labelled } = await device.client.label({ sample: id, label });
      if (labelled === 1) labels.set(id, label);
    }
  }

  const unlabelledIds = () => rows<{ id: number }>('SELECT id FROM samples WHERE label IS NULL ORDER BY id').map(({ id }) => idOfRow(id));

  const statesOfRuns = () => rows<{ state: string }>('SELECT state FROM runs ORDER BY seq').map(({ state }) => state);

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
