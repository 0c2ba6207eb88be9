// The whole way, with real processes and a real broker: pictures in, predictions and questions out, a better model, its weights on the
// wire, commands answered, samples forgotten, an orderly end.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Forgotten } from '../../agent/operations/forget.ts';
import type { Labelled } from '../../agent/operations/label.ts';
import type { DeviceStatus } from '../../agent/operations/status.ts';
import type { ReleaseList, Switched } from '../../agent/release/releases.ts';
import { idOfRow } from '../../agent/store/sample-id.ts';
import type { TrainingReport } from '../../agent/types.ts';
import { type Broker, mosquittoMissing, needsMosquitto, startBroker } from '../broker.ts';
import { createHold, type Hold } from '../hold.ts';
import { type Subscriber, subscribe } from '../uplink/subscriber.ts';
import { createDevice, type Daemon, eventually, modelPath, photographs, type TestDevice, whet } from './daemon.ts';

const extra = ['classes: replace', 'duplicates: {windowSeconds: 0}', 'training: {minNewLabels: 24, minPerClass: 3}'];
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(mosquittoMissing)(`a device from the first picture to the last signal${needsMosquitto}`, { timeout: 900_000 }, () => {
  let broker: Broker;
  let dashboard: Subscriber;
  let device: TestDevice;
  let other: TestDevice;
  let daemon: Daemon;
  let hold: Hold;
  let unlabelled: string;

  const mqtt = () => `mqtt: {url: "${broker.url}", commands: [label, train, pause, resume, rollback, snapshot, deploy, forget]}`;
  const messages = <T>(rest: string, of = 'bench') => dashboard.texts(`whetstone/${of}/${rest}`).map((text) => JSON.parse(text) as T);
  const newest = <T>(rest: string) => messages<T>(rest).at(-1);
  const artifactOf = (version: string) => sha256(readFileSync(join(device.state, 'releases', version, 'model.onnx')));

  /** Sends a command twice under one id, waits for its answer, and sees that there is only one. */
  async function command<T>(type: string, payload: object, to = 'bench'): Promise<T> {
    const id = `c${Math.random().toString(36).slice(2, 10)}`;
    const topic = `whetstone/${to}/cmd/${type}/${id}`;
    await dashboard.send(topic, JSON.stringify(payload));
    await dashboard.send(topic, JSON.stringify(payload));
    const result = `whetstone/${to}/result/${type}/${id}`;
    await dashboard.until((received) => received.some((message) => message.topic === result), `the answer to ${type}`, 30_000);
    // Commands are answered in order: the answer to a later one comes after a second answer to this one would have.
    const probe = `whetstone/${to}/result/snapshot/after-${id}`;
    await dashboard.send(`whetstone/${to}/cmd/snapshot/after-${id}`, '{}');
    await dashboard.until((received) => received.some((message) => message.topic === probe), `the answer after ${type}`);
    const answers = dashboard.texts(result);
    expect(answers).toHaveLength(1);
    return JSON.parse(answers[0] ?? '') as T;
  }

  /** What a device learns into whose store these samples never came: a copy of this one's store without them, or anything learned. */
  async function withoutEverSeeing(which: string): Promise<{ readonly samples: readonly string[]; readonly artifact: string }> {
    const control = createDevice('control', extra);
    try {
      mkdirSync(control.state, { recursive: true });
      const source = new DatabaseSync(join(device.state, 'store.db'), { readOnly: true });
      source.prepare('VACUUM INTO ?').run(join(control.state, 'store.db'));
      source.close();
      const copy = new DatabaseSync(join(control.state, 'store.db'));
      const ids = copy.prepare(`SELECT id FROM samples WHERE ${which}`).all() as unknown as readonly { readonly id: number }[];
      copy.exec(`PRAGMA foreign_keys = ON; DELETE FROM samples WHERE ${which}; DELETE FROM runs; DELETE FROM outbox`);
      copy.close();
      const { release } = (await control.whet('train', '--json')).json<{ release: string }>();
      return {
        samples: ids.map(({ id }) => idOfRow(id)),
        artifact: sha256(readFileSync(join(control.state, 'releases', release, 'model.onnx'))),
      };
    } finally {
      await control.close();
    }
  }

  beforeAll(async () => {
    broker = await startBroker();
    dashboard = await subscribe(broker.url, 'whetstone/#');
    device = createDevice('bench', [...extra, 'queries: {below: 1, perHour: 100}', mqtt()]);
    other = createDevice('porch', [...extra, mqtt()]);
    hold = createHold(join(device.folder, 'hold'));
    daemon = await device.start({ env: hold.env });
  });

  afterAll(async () => {
    await Promise.all([device?.close(), other?.close(), dashboard?.close()]);
    await broker?.close();
  });

  it('says what it is, predicts a new picture and asks for its label', async () => {
    const [picture] = await photographs(['ring'], 1, 7);
    await eventually('status online', () => dashboard.texts('whetstone/bench/status').at(-1) === 'online');
    // Its own message, which follows.
    const info = await eventually('what it is', () => newest('info'));
    expect(info).toMatchObject({ device: 'bench', release: 'base', model: { name: 'objects' } });
    device.drop('ring.jpg', picture!.bytes);
    const query = await eventually('a question', () => newest<{ sample: string; thumbnail: null; guesses: unknown[] }>('query'));
    expect(query.guesses).toHaveLength(5);
    expect(query.thumbnail).toBeNull();
    const prediction = await eventually('a prediction', () => newest('prediction'));
    expect(prediction).toMatchObject({ source: 'inbox', sample: query.sample, release: 'base' });
    unlabelled = query.sample;
  });

  it('learns from labelled folders by itself, and releases, reports and publishes what came of it', async () => {
    for (const { label, name, bytes } of await photographs(['disc', 'stripes'], 12, 1)) device.drop(`${label}/${name}`, bytes);
    const report = await eventually('a report', () => newest<TrainingReport>('report'));
    expect(report).toMatchObject({ classes: ['disc', 'stripes'], samples: { train: 24 }, verdict: { kind: 'accepted' } });
    expect(report.after?.value).toBeGreaterThan(0.9);
    const manifest = await eventually('the manifest', () => messages<Manifest>('model').find(({ version }) => version === report.release));
    expect(manifest.artifact.sha256).toBe(artifactOf(manifest.version));
    const topics = Array.from({ length: manifest.delta.chunks }, (_, chunk) => `whetstone/bench/model/${manifest.version}/${chunk}`);
    await dashboard.until((received) => topics.every((topic) => received.some((message) => message.topic === topic)), 'chunks');
    const chunks = topics.map((topic) => dashboard.received.find((message) => message.topic === topic)!.payload);
    expect(sha256(Buffer.concat(chunks))).toBe(manifest.delta.sha256);
    const late = await subscribe(broker.url, 'whetstone/bench/+');
    await late.until(
      (received) => received.filter(({ retained }) => retained).length >= 5,
      'status, info, health, report and model, retained',
    );
    await late.close();
    const [picture] = await photographs(['disc'], 1, 8);
    device.drop('another.jpg', picture!.bytes);
    await eventually(
      'a prediction of the release',
      () => newest<{ release: string; label: string }>('prediction')?.release === report.release,
    );
    expect(newest('prediction')).toMatchObject({ label: 'disc' });
  });

  it('gives its exact model to whoever has the base', async () => {
    const file = join(device.folder, 'rebuilt.onnx');
    const args = ['weights', 'receive', '--broker', broker.url, '--device', 'bench', '--base', modelPath, '--out', file, '--json'];
    const received = (await whet(...args)).json<{ version: string; sha256: string }>();
    expect(received.sha256).toBe(artifactOf(received.version));
    expect(sha256(readFileSync(file))).toBe(received.sha256);
  });

  it('answers the command line while it runs', async () => {
    const [status, questions, models, refused] = await Promise.all([
      device.whet('status', '--json'),
      device.whet('label', '--json'),
      device.whet('models', '--json'),
      device.whet('label', 'ring', '00000000000', '--json'),
    ]);
    const said = status.json<DeviceStatus>();
    expect(said).toMatchObject({ running: true, samples: { total: 26, labelled: 24 }, mqtt: { connected: true } });
    expect(questions.json<{ sample: string }[]>().map(({ sample }) => sample)).toContain(unlabelled);
    expect(models.json<ReleaseList>()).toMatchObject({ current: said.release, releases: [{ version: said.release, health: 'healthy' }] });
    expect(refused.code).toBe(65);
    expect(refused.json<Labelled>().unknown).toEqual(['00000000000']);
    const second = await device.spawn().ended;
    expect(second.code).toBe(75);
    const train = await device.whet('train', '--json');
    expect({ code: train.code, verdict: train.json<TrainingReport>().verdict.kind }).toEqual({ code: 75, verdict: 'waiting' });
    const back = await device.whet('rollback', '--json');
    expect(back.json<Switched>()).toEqual({ previous: said.release, current: 'base' });
    await device.client.rollback({ version: said.release });
  });

  it('answers each MQTT command once, also one that comes twice', async () => {
    expect(await command('pause', {})).toMatchObject({ ok: true, paused: true });
    for (const { label, name, bytes } of await photographs(['ring'], 11, 2)) device.drop(`${label}/${name}`, bytes);
    await eventually('11 more labels', async () => (await device.client.status({})).samples.labelled === 35);
    expect(await command('label', { sample: unlabelled, label: 'ring' })).toMatchObject({ ok: true, labelled: 1, unknown: [] });
    const trained = await command<{ release: string; verdict: { kind: string } }>('train', { reason: 'now' });
    expect(trained).toMatchObject({ ok: true, verdict: { kind: 'accepted' } });
    expect(await command('snapshot', {})).toMatchObject({ ok: true, version: trained.release, chunks: 1 });
    const back = await command<Switched>('rollback', {});
    expect(back.previous).toBe(trained.release);
    expect(await command('rollback', { version: trained.release })).toMatchObject({ previous: back.current, current: trained.release });
    expect(await command('resume', {})).toMatchObject({ ok: true, paused: false });
    expect(await command('label', { sample: 7 })).toMatchObject({ ok: false, error: { code: 'malformed' } });
    expect(await command('rollback', { version: '000099-00000000' })).toMatchObject({ ok: false, error: { code: 'release-unknown' } });
  });

  it("deploys one device's weights to another, to the bit", async () => {
    await other.start();
    await eventually('a connection', async () => (await other.client.status({})).mqtt?.connected);
    const manifest = newest<Manifest>('model')!;
    const chunk = dashboard.received.findLast(({ topic }) => topic === `whetstone/bench/model/${manifest.version}/0`)!;
    const data = chunk.payload.toString('base64');
    const deployed = await command<{ version: string }>('deploy', { manifest, data }, 'porch');
    expect(deployed).toMatchObject({ ok: true, verdict: { kind: 'accepted' } });
    expect(sha256(readFileSync(join(other.state, 'releases', deployed.version, 'model.onnx')))).toBe(manifest.artifact.sha256);
    const [picture] = await photographs(['ring'], 1, 9);
    other.drop('new.jpg', picture!.bytes);
    const prediction = await eventually('a prediction there', () => messages<{ label: string; release: string }>('prediction', 'porch')[0]);
    expect(prediction).toMatchObject({ label: 'ring', release: deployed.version });
    const torn = await command('deploy', { manifest, data: chunk.payload.subarray(1).toString('base64') }, 'porch');
    expect(torn).toMatchObject({ ok: false, error: { code: 'weights-corrupt' } });
  });

  it('forgets samples as if it had never seen them, to the bit', async () => {
    const never = await withoutEverSeeing("label = 'disc' AND id IN (SELECT id FROM samples WHERE label = 'disc' ORDER BY id LIMIT 6)");
    const { releases } = await device.client.releases({});
    const forgotten = await command<{ samples: number; purged: string[]; current: string }>('forget', { samples: never.samples });
    // Both releases had learned from them.
    expect(forgotten).toMatchObject({ ok: true, samples: 6, purged: releases.map(({ version }) => version) });
    expect(artifactOf(forgotten.current)).toBe(never.artifact);
    const { samples } = await device.client.status({});
    expect(samples.byClass).toEqual({ disc: 6, ring: 12, stripes: 12 });
    expect((await device.client.releases({})).releases.map(({ version }) => version)).toEqual([forgotten.current]);
  });

  it('stops also while it trains, and says goodbye', async () => {
    hold.at('after send progress features');
    const training = device.client.train({ reason: 'to be cut off' }).catch((error) => error.code);
    // The trainer goes no further by itself.
    await hold.held(training);
    expect(await daemon.stop('SIGTERM')).toEqual({ code: 0, signal: null });
    hold.clear();
    expect(['daemon-unreachable', 'trainer-failed']).toContain(await training);
    await eventually('status stopped', () => dashboard.texts('whetstone/bench/status').at(-1) === 'stopped');
  });

  it('answers the command line while it is stopped', async () => {
    const status = (await device.whet('status', '--json')).json<DeviceStatus>();
    expect(status).toMatchObject({ running: false, samples: { labelled: 30 }, mqtt: null });
    const { releases } = (await device.whet('models', '--json')).json<ReleaseList>();
    const [sample] = (await device.whet('label', '--json')).json<{ sample: string }[]>();
    const labelled = await device.whet('label', 'disc', sample!.sample, '--json');
    expect(labelled.json<Labelled>()).toEqual({ label: 'disc', labelled: 1, unknown: [] });
    expect((await device.whet('rollback', 'base', '--json')).json<Switched>().current).toBe('base');
    const train = await device.whet('train', '--json');
    expect({ code: train.code, samples: train.json<TrainingReport>().samples.train }).toEqual({ code: 0, samples: 31 });
    const forget = (await device.whet('forget', sample!.sample, '--json')).json<Forgotten>();
    expect(forget.samples).toBe(1);
    expect(artifactOf(forget.current)).toBe(releases[0]!.artifact.sha256);
  });

  it('reports after its next start what the command line had it learn meanwhile', async () => {
    const { training } = (await device.whet('status', '--json')).json<DeviceStatus>();
    await device.start();
    await eventually('the report', () => messages<TrainingReport>('report').some(({ run }) => run === training.last?.run));
  });
});

interface Manifest {
  readonly version: string;
  readonly artifact: { readonly sha256: string };
  readonly delta: { readonly chunks: number; readonly sha256: string };
}
