// What `whet weights receive` does, against a real broker and a device that publishes a real delta.
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatReceived, receive } from '../../agent/cli/weights.ts';
import type { WhetError } from '../../agent/errors.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { encodeDelta, tailDelta } from '../../agent/onnx/forms/delta.ts';
import type { Model } from '../../agent/onnx/ir.ts';
import { floats, graph, model, node, value } from '../../agent/onnx/made/build.ts';
import { type Broker, mosquittoMissing, needsMosquitto, startBroker } from '../broker.ts';
import { createTestDevice, eventually, type TestDevice } from '../uplink/device.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A linear head of 256 features and 40 classes: 40 KB of weights. */
function head(seed: number): Model {
  const weights = Float32Array.from({ length: 256 * 40 }, (_, index) => Math.sin(index * seed));
  return model(
    graph('head', {
      inputs: [value('x', [1, 256])],
      outputs: [value('y', [1, 40])],
      nodes: [node('MatMul', ['x', 'w'], ['y'])],
      initializers: [['w', floats([256, 40], weights)]],
    }),
  );
}

const base = encodeModel(head(1));
const artifact = encodeModel(head(2));
const delta = encodeDelta(tailDelta(head(1), head(2)));

let broker: Broker;
let folder: string;
let device: TestDevice;

const receiveAs = (over: { readonly device?: string; readonly out: string; readonly base?: string; readonly timeout?: number }) =>
  receive({
    broker: broker.url,
    device: 'pi-1',
    root: 'whetstone',
    timeout: 120,
    signal: new AbortController().signal,
    progress: () => undefined,
    ...over,
  });
const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error('it came')),
    (error: WhetError) => error,
  );

describe.skipIf(mosquittoMissing)(`whet weights receive${needsMosquitto}`, () => {
  beforeEach(async () => {
    broker = await startBroker();
    folder = mkdtempSync(join(tmpdir(), 'whet-receive-'));
    writeFileSync(join(folder, 'base.onnx'), base);
    const published = {
      version: '000001-abcdef01',
      createdAtMs: 1,
      base: { name: 'head', sha256: sha256(base), backbone: sha256(base), cut: 'x' },
      artifact: { bytes: artifact.byteLength, sha256: sha256(artifact) },
      classes: ['a', 'b'],
      learner: 'closed-form',
      origin: 'training',
      run: null,
      scores: { before: null, after: null },
    };
    const facts = { bytes: delta.byteLength, sha256: sha256(delta) };
    device = createTestDevice(
      { url: broker.url, chunkBytes: 8192 },
      {
        handlers: {
          snapshot: async () => ({ version: published.version, chunks: device.uplink.publishModel(published, facts, true) }),
        },
        weights: delta,
      },
    );
    device.uplink.publishModel(published, facts, false);
    device.start();
    await eventually(() => device.uplink.counters.connected && device.uplink.counters.waiting === 0, 'a device');
  });

  afterEach(async () => {
    await device.uplink.stop();
    await broker.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('rebuilds the exact model from the base, and writes the bare weights without one', async () => {
    const out = join(folder, 'mine.onnx');
    const rebuilt = await receiveAs({ base: join(folder, 'base.onnx'), out });
    expect(rebuilt).toMatchObject({ kind: 'model', version: '000001-abcdef01', sha256: sha256(artifact), received: { chunks: 6 } });
    expect(Buffer.compare(readFileSync(out), artifact)).toBe(0);
    expect(formatReceived(rebuilt)).toMatch(/rebuilt the exact model/);
    const bare = join(folder, 'delta.safetensors');
    expect(await receiveAs({ out: bare })).toMatchObject({ kind: 'weights', base: { sha256: sha256(base) } });
    expect(Buffer.compare(readFileSync(bare), delta)).toBe(0);
  });

  it('refuses a foreign base, an unknown device, an unwritable place, an unsafe name; and leaves nothing behind', async () => {
    const before = readdirSync(folder);
    const out = join(folder, 'mine.onnx');
    writeFileSync(join(folder, 'base.onnx'), artifact);
    expect(await failureOf(receiveAs({ base: join(folder, 'base.onnx'), out }))).toMatchObject({ code: 'weights-corrupt', exit: 65 });
    expect(await failureOf(receiveAs({ base: join(folder, 'none.onnx'), out }))).toMatchObject({ code: 'model-unreadable', exit: 65 });
    expect(await failureOf(receiveAs({ device: 'nobody', timeout: 4, out }))).toMatchObject({ code: 'weights-unavailable', exit: 69 });
    expect(await failureOf(receiveAs({ out: join(folder, 'missing', 'm.onnx') }))).toMatchObject({ code: 'output-failed', exit: 73 });
    expect(await failureOf(receiveAs({ device: 'a/b', out }))).toMatchObject({ code: 'topic-invalid', exit: 78 });
    expect(readdirSync(folder)).toEqual(before);
  });
});
