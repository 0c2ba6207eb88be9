import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ReceivedWeights } from '../../agent/contract/weights.ts';
import { describeDelta, publishedModel } from '../../agent/contract/weights.ts';
import { loadModel } from '../../agent/model/load.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { encodeDelta, tailDelta } from '../../agent/onnx/forms/delta.ts';
import { install } from '../../agent/operations/deploy.ts';
import type { Answer, TailChoice } from '../../agent/types.ts';
import { modelPath, trainingBench } from '../training/bench.ts';

type Bench = Awaited<ReturnType<typeof trainingBench>>;

/** What this device publishes of its current release. */
async function published({ releases, clock }: Bench): Promise<ReceivedWeights> {
  const manifest = await releases.verify(await releases.current());
  const delta = new Uint8Array(readFileSync(join(releases.directory(manifest.version), 'delta.safetensors')));
  return { manifest: { timeMs: clock.now(), ...publishedModel(manifest), delta: describeDelta(manifest.delta, 65_536) }, delta };
}

/** `says`: what a release answers on the device's own labelled samples. */
function withAnswers(bench: Bench, says: (version: string, row: number) => string = () => '') {
  return {
    ...bench,
    answers: async ({ version }: TailChoice, features: readonly Float32Array[]) =>
      features.map((_, row): Answer => ({ kind: 'classes', scores: [{ label: says(version, row), confidence: 1 }] })),
  };
}

describe('deploy', () => {
  it.each([
    ['worse', (version: string, row: number) => (version === 'base' ? 'a' : row < 10 ? 'b' : 'a'), 'rejected', 'base'],
    ['as good', () => 'a', 'accepted', null],
    ['better', (version: string, row: number) => (version === 'base' && row < 10 ? 'b' : 'a'), 'accepted', null],
  ] as const)('of weights that are %s on the labelled samples of this device', async (_, says, kind, current) => {
    const [giver, taker] = [await trainingBench({}), await trainingBench({})];
    giver.addSamples(['a', 'b'], 5);
    await giver.jobs.train('test');
    taker.addSamples(['a', 'a'], 10);
    const { version, verdict } = await install(withAnswers(taker, says), await published(giver));
    expect(verdict).toMatchObject({ kind, reason: expect.stringContaining('of 20 labelled samples') });
    expect(await taker.releases.current()).toBe(current ?? version);
    expect((await taker.releases.list()).releases).toHaveLength(kind === 'rejected' ? 0 : 1);
  });

  it('refuses weights that change the backbone, whatever their manifest names', async () => {
    const taker = await trainingBench({});
    const base = loadModel(modelPath);
    const [name, tensor] = [...base.model.graph.initializers].find(([, { data }]) => data instanceof Int8Array && data.length > 100)!;
    const changed = { ...tensor, data: (tensor.data as Int8Array).toReversed() };
    const { initializers } = base.model.graph;
    const model = { ...base.model, graph: { ...base.model.graph, initializers: new Map(initializers).set(name, changed) } };
    const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
    const artifact = encodeModel(model);
    const delta = encodeDelta(tailDelta(base.model, model), { base: base.sha256, artifact: hash(artifact), classes: '["a","b"]' });
    const facts = { version: '000001-abcdef01', createdAtMs: 1, classes: ['a', 'b'], learner: 'x', origin: 'training', run: null };
    const manifest = {
      ...facts,
      timeMs: 1,
      base: { name: 'objects', sha256: base.sha256, backbone: taker.base.backbone, cut: taker.base.cut },
      artifact: { bytes: artifact.length, sha256: hash(artifact) },
      scores: { before: null, after: null },
      delta: describeDelta({ bytes: delta.length, sha256: hash(delta) }, 65_536),
    };
    await expect(install(withAnswers(taker), { manifest, delta })).rejects.toMatchObject({
      code: 'weights-corrupt',
      message: expect.stringContaining('more than the layers behind the cut'),
    });
  });

  it("makes another device's release current, to the bit, and knows it when it comes again", async () => {
    const [giver, taker] = [await trainingBench({}), await trainingBench({})];
    giver.addSamples(['a', 'b'], 5);
    await giver.jobs.train('test');
    const weights = await published(giver);
    const { version } = await install(withAnswers(taker), weights);
    expect(await taker.releases.current()).toBe(version);
    const manifest = await taker.releases.verify(version);
    expect(manifest).toMatchObject({ artifact: weights.manifest.artifact, classes: ['a', 'b'], origin: 'deploy', run: null });
    await taker.releases.rollback();
    expect(await install(withAnswers(taker), weights)).toEqual({
      version,
      verdict: { kind: 'accepted', reason: expect.stringContaining('already') },
    });
    expect(await taker.releases.current()).toBe(version);
    expect((await taker.releases.list()).releases).toHaveLength(1);
  });

  it.each([
    ['another backbone', { base: { backbone: 'ab'.repeat(32) } }, 'weights-corrupt'],
    ['another cut', { base: { cut: 'elsewhere' } }, 'weights-corrupt'],
    ['another artifact', { artifact: { sha256: 'cd'.repeat(32) } }, 'weights-corrupt'],
  ] as const)('refuses weights of %s, and leaves everything as it was', async (_what, changes, code) => {
    const [giver, taker] = [await trainingBench({}), await trainingBench({})];
    giver.addSamples(['a', 'b'], 5);
    await giver.jobs.train('test');
    const { manifest, delta } = await published(giver);
    const wrong = { ...manifest, base: { ...manifest.base, ...('base' in changes ? changes.base : {}) } };
    const weights = { manifest: { ...wrong, artifact: { ...wrong.artifact, ...('artifact' in changes ? changes.artifact : {}) } }, delta };
    await expect(install(withAnswers(taker), weights)).rejects.toMatchObject({ code });
    expect(await taker.releases.list()).toMatchObject({ current: 'base', releases: [] });
  });
});
