import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { install } from '../../agent/operations/deploy.ts';
import type { ReceivedWeights } from '../../agent/uplink/weights.ts';
import { describeDelta, publishedModel } from '../../agent/uplink/weights.ts';
import { trainingBench } from '../training/bench.ts';

type Bench = Awaited<ReturnType<typeof trainingBench>>;

/** What this device publishes of its current release. */
async function published({ releases, clock }: Bench): Promise<ReceivedWeights> {
  const manifest = await releases.verify(await releases.current());
  const delta = new Uint8Array(readFileSync(join(releases.directory(manifest.version), 'delta.safetensors')));
  return { manifest: { timeMs: clock.now(), ...publishedModel(manifest), delta: describeDelta(manifest.delta, 65_536) }, delta };
}

describe('deploy', () => {
  it("makes another device's release current, to the bit, and knows it when it comes again", async () => {
    const [giver, taker] = [await trainingBench({}), await trainingBench({})];
    giver.addSamples(['a', 'b'], 5);
    await giver.jobs.train('test');
    const weights = await published(giver);
    const { version } = await install(taker, weights);
    expect(await taker.releases.current()).toBe(version);
    const manifest = await taker.releases.verify(version);
    expect(manifest).toMatchObject({ artifact: weights.manifest.artifact, classes: ['a', 'b'], origin: 'deploy', run: null });
    await taker.releases.rollback();
    expect(await install(taker, weights)).toEqual({ version, reason: expect.stringContaining('already') });
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
    await expect(install(taker, weights)).rejects.toMatchObject({ code });
    expect(await taker.releases.list()).toMatchObject({ current: 'base', releases: [] });
  });
});
