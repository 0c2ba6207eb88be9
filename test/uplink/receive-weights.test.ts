// One device publishes its weights, another program rebuilds them, over a real broker; and what it says where that cannot be.
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { PublishedModel } from '../../agent/contract/weights.ts';
import { WhetError } from '../../agent/errors.ts';
import { type ReceiveOptions, receiveWeights } from '../../agent/uplink/receive-weights.ts';
import { mosquittoMissing, needsMosquitto, startBroker } from '../broker.ts';
import { createTestDevice, eventually, rememberingLog, type TestDevice } from './device.ts';
import { everySecond, startProxy } from './dropping-proxy.ts';
import { closeLater, openBroker } from './opened.ts';
import { subscribe } from './subscriber.ts';

const hash = 'a'.repeat(64);
const model: PublishedModel = {
  version: '000003-abcdef01',
  createdAtMs: 1,
  base: { name: 'm', sha256: hash, backbone: hash, cut: '472' },
  artifact: { bytes: 1, sha256: hash },
  classes: ['cat', 'dog'],
  learner: 'closed-form',
  origin: 'training',
  run: null,
  scores: { before: null, after: null },
};

/** A device whose snapshot publishes these weights again. */
function publisher(url: string, delta: Uint8Array | null, config = {}): TestDevice {
  const facts = delta === null ? null : { bytes: delta.byteLength, sha256: createHash('sha256').update(delta).digest('hex') };
  const one = createTestDevice(
    { url, chunkBytes: 16 * 1024, ...config },
    {
      handlers: {
        snapshot: async () => ({ version: model.version, chunks: one.uplink.publishModel(model, facts, true) }),
      },
      weights: delta,
    },
  );
  closeLater(() => one.uplink.stop());
  one.uplink.publishModel(model, facts, false);
  one.start();
  return one;
}

function receive(url: string, over: Partial<ReceiveOptions> = {}) {
  const broker = {
    url,
    clientId: `receiver-${randomBytes(4).toString('hex')}`,
    keepaliveSeconds: 30,
    connectTimeoutMs: 2000,
    ackTimeoutMs: 300,
  };
  const address = { root: 'whetstone', device: 'pi-1' };
  return receiveWeights({ broker, protocol: 'auto', address, timeoutMs: 5000, ...over }, rememberingLog().log);
}

const connected = (one: TestDevice) => eventually(() => one.uplink.counters.connected && one.uplink.counters.waiting === 0, 'a device');
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error('it came')),
    (error: WhetError) => error,
  );

describe.skipIf(mosquittoMissing)(`receiving weights${needsMosquitto}`, () => {
  it('gives the bytes that were published', async () => {
    const { url } = await openBroker();
    const delta = randomBytes(500_000);
    await connected(publisher(url, delta));
    const steps: number[] = [];
    const received = await receive(url, { progress: (done) => steps.push(done) });
    expect(Buffer.compare(received.delta, delta)).toBe(0);
    expect(received.manifest).toMatchObject({ version: model.version, delta: { bytes: 500_000, chunks: 31 } });
    expect(steps.at(-1)).toBe(31);
  });

  it('gets through where every second PUBLISH of the device is swallowed', async () => {
    const { url, port } = await openBroker();
    const proxy = await startProxy(port, everySecond('publish', 'client'));
    closeLater(proxy.close);
    const delta = randomBytes(100_000);
    await connected(publisher(`mqtt://localhost:${proxy.port}`, delta, { ackTimeoutMs: 100 }));
    const received = await receive(url, { timeoutMs: 120_000 });
    expect(Buffer.compare(received.delta, delta)).toBe(0);
  });

  it('asks again where the device came later', async () => {
    const { url } = await openBroker();
    const delta = randomBytes(20_000);
    const pending = receive(url, { timeoutMs: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    publisher(url, delta);
    expect(Buffer.compare((await pending).delta, delta)).toBe(0);
  });

  it("serves a deploy command that names another device, by that device's own uplink", async () => {
    const { url } = await openBroker();
    const delta = randomBytes(40_000);
    await connected(publisher(url, delta));
    const other = createTestDevice({ url, device: 'pi-2' });
    closeLater(() => other.uplink.stop());
    other.start();
    const received = await other.uplink.remoteWeights({ from: 'pi-1', version: model.version });
    expect(Buffer.compare(received.delta, delta)).toBe(0);
    const error = await failureOf(other.uplink.remoteWeights({ from: 'pi-2', version: model.version }));
    expect(error.code).toBe('weights-unavailable');
  });

  it('says what is missing when the device is silent', async () => {
    const { url } = await openBroker();
    const delta = randomBytes(40_000);
    const one = publisher(url, delta);
    await connected(one);
    await one.uplink.stop();
    const board = await subscribe(url, 'whetstone/#');
    closeLater(board.close);
    const pending = failureOf(receive(url, { timeoutMs: 800 }));
    await board.until((all) => all.some((m) => m.topic.includes('/cmd/snapshot/')), 'the request');
    await board.send(`whetstone/pi-1/model/${model.version}/1`, Buffer.from(delta.subarray(16 * 1024, 32 * 1024)));
    const error = await pending;
    expect(error).toBeInstanceOf(WhetError);
    expect(error.code).toBe('weights-incomplete');
    expect(error.message).toMatch(/1 of 3 chunks .* missing: 0, 2; device 'pi-1' is stopped/);
  });

  it('refuses chunks and manifests that are not what they say', async () => {
    const { url } = await openBroker();
    const one = publisher(url, randomBytes(40_000));
    await connected(one);
    await one.uplink.stop();
    const board = await subscribe(url, 'whetstone/#');
    closeLater(board.close);
    const forged = failureOf(receive(url));
    await board.until((all) => all.some((m) => m.topic.includes('/cmd/snapshot/')), 'the request');
    for (const [chunk, bytes] of [16384, 16384, 40_000 - 32768].entries()) {
      await board.send(`whetstone/pi-1/model/${model.version}/${chunk}`, randomBytes(bytes));
    }
    expect(await forged).toMatchObject({ code: 'weights-corrupt', message: expect.stringMatching(/sha256/) });
    await board.send('whetstone/pi-1/model', '{"version":"../../x"}', true);
    expect(await failureOf(receive(url))).toMatchObject({ code: 'weights-corrupt', message: expect.stringMatching(/manifest/) });
  });

  it('names the reason where there is nothing to receive', async () => {
    const { url } = await openBroker();
    const unknown = await failureOf(receive(url, { address: { root: 'whetstone', device: 'nobody' }, timeoutMs: 4000 }));
    expect(unknown).toMatchObject({ code: 'weights-unavailable', message: expect.stringMatching(/never been seen/) });
    await connected(publisher(url, null));
    expect(await failureOf(receive(url))).toMatchObject({ code: 'weights-unavailable', message: expect.stringMatching(/base model/) });
    const other = await failureOf(receive(url, { version: '000009-00000000' }));
    expect(other).toMatchObject({ code: 'weights-unavailable', message: expect.stringMatching(/not 000009/) });
    const away = await failureOf(receive('mqtt://localhost:1', { timeoutMs: 4000 }));
    expect(away).toMatchObject({ code: 'broker-unreachable', message: expect.stringMatching(/nothing listens/) });
  });

  it('fails at once where the broker refuses the credentials', async () => {
    const started = await startBroker({ user: { name: 'pi', password: 'right' } });
    closeLater(started.close);
    // Longer than this test may run.
    const error = await failureOf(receive(started.url, { timeoutMs: 2_000_000_000 }));
    expect(error).toMatchObject({ code: 'broker-refused', exit: 77, message: expect.stringMatching(/authorize|password/) });
  });

  it('ends when it is interrupted', async () => {
    const { url } = await openBroker();
    const controller = new AbortController();
    const pending = failureOf(receive(url, { signal: controller.signal, timeoutMs: 60_000 }));
    setTimeout(() => controller.abort(), 100);
    expect((await pending).message).toMatch(/interrupted/);
  });
});
