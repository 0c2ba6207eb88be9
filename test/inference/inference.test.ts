import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { requireCard } from '../../agent/config/card.ts';
import { createInference } from '../../agent/inference/inference.ts';
import { createLog } from '../../agent/log.ts';
import type { UnderWay } from '../../agent/store/under-way.ts';
import type { ClassScore, Inferred } from '../../agent/types.ts';
import { photograph } from '../images.ts';
import { temporaryDirectory, temporaryStore } from '../store/fixtures.ts';

const modelPath = fileURLToPath(new URL('../../models/objects/model.onnx', import.meta.url));
const { card } = await requireCard(modelPath);

/** A started worker on the shipped model, and the thread itself, to be ended from outside. */
async function started(underWay: UnderWay | null = null) {
  const workers: Worker[] = [];
  const hear = (worker: Worker) => workers.push(worker);
  process.on('worker', hear);
  const inference = createInference(
    {
      ...{ modelPath, cut: { kind: 'layers', layers: 1 }, input: card.input, threads: 1, baseLabels: card.labels },
      release: { version: 'base', artifact: null, classes: card.labels },
    },
    createLog('silent'),
    underWay,
  );
  onTestFinished(async () => {
    await inference.stop();
    process.off('worker', hear);
  });
  const facts = await inference.start();
  return { inference, facts, end: () => workers.at(-1)?.terminate() };
}

function scoresIn({ answer }: Inferred): readonly ClassScore[] {
  return answer.kind === 'classes' ? answer.scores : [];
}

/** A release that is the base model under other class names; `broken` is no model at all. */
function release(version: string, broken = false) {
  const artifact = join(temporaryDirectory(), 'model.onnx');
  if (broken) writeFileSync(artifact, 'no model');
  else copyFileSync(modelPath, artifact);
  return { version, artifact, classes: card.labels.map((label) => `my ${label}`) };
}

describe('inference worker', () => {
  it('gives features and scores, and leaves the bytes to the caller', async () => {
    const { inference, facts } = await started();
    const bytes = await photograph('disc', 1);
    const before = Buffer.from(bytes);
    const inferred = await inference.infer(bytes);
    expect(bytes.equals(before)).toBe(true);
    expect(inferred).toMatchObject({ release: 'base' });
    expect(inferred.features).toHaveLength(facts.width);
    const confidences = scoresIn(inferred).map(({ confidence }) => confidence);
    expect(confidences).toEqual(confidences.toSorted((a, b) => b - a));
    expect(card.labels).toContain(scoresIn(inferred)[0]?.label);
    await expect(inference.infer(Buffer.from('no picture'))).rejects.toMatchObject({ code: 'image-unreadable' });
  });

  it('gives features of a picture as it might have been', async () => {
    const { inference } = await started();
    const bytes = await photograph('stripes', 3);
    const [plain, [mirrored, ...more]] = await Promise.all([inference.infer(bytes), inference.views(bytes, 10)]);
    expect(more).toEqual([]);
    expect(mirrored).toHaveLength(plain.features.length);
    expect(mirrored).not.toEqual(plain.features);
    await expect(inference.views(Buffer.from('no picture'), 1)).rejects.toMatchObject({ code: 'image-unreadable' });
  });

  it('comes back after its thread ended, and says meanwhile that it is not there', async () => {
    const { inference, end } = await started();
    const picture = await photograph('ring', 2);
    const first = await inference.infer(picture);
    const under = inference.infer(picture).catch((error) => error);
    await end();
    expect(await under).toMatchObject({ code: 'inference-unavailable' });
    await expect(inference.infer(picture)).rejects.toMatchObject({ code: 'inference-unavailable' });
    await expect.poll(() => inference.infer(picture).catch(() => null), { timeout: 60_000 }).toMatchObject({ features: first.features });
    expect(inference.restarts).toBe(1);
  });

  it('decodes apart what the worker died over, with the same result, and plainly again after that', async () => {
    const { underWay } = temporaryStore();
    const { inference, end } = await started(underWay);
    const picture = await photograph('ring', 2);
    const first = await inference.infer(picture, 'file ring');
    expect(underWay.courseOf('file ring')).toBe('plain');
    const under = inference.infer(picture, 'file ring').catch(() => null);
    await end();
    await under;
    expect(underWay.courseOf('file ring')).toBe('apart');
    const again = () => inference.infer(picture, 'file ring').catch(() => null);
    await expect.poll(again, { timeout: 60_000 }).toMatchObject({ features: first.features, hash: first.hash });
    expect(underWay.courseOf('file ring')).toBe('plain');
    underWay.begin('sample s1');
    underWay.died(['sample s1']);
    expect(await inference.views(picture, 1, 'sample s1')).toEqual(await inference.views(picture, 1));
    expect(underWay.courseOf('sample s1')).toBe('plain');
    // What was not decoded when the worker was gone already is not suspected of it.
    await expect(inference.infer(Buffer.from('no picture'), 'file text')).rejects.toMatchObject({ code: 'image-unreadable' });
    expect(underWay.courseOf('file text')).toBe('plain');
  });

  it('predicts with another release from the next capture on, also with one that was given while no worker was there', async () => {
    const { inference, end } = await started();
    const picture = await photograph('ring', 2);
    await inference.swap(release('one'));
    expect(await inference.infer(picture)).toMatchObject({ release: 'one' });
    expect(scoresIn(await inference.infer(picture))[0]?.label).toMatch(/^my /);
    await end();
    await inference.swap(release('two'));
    expect(await inference.infer(picture)).toMatchObject({ release: 'two' });
  });

  it('refuses a release that cannot be opened, and goes on with the one before, also where no worker was there', async () => {
    const { inference, end } = await started();
    const picture = await photograph('ring', 2);
    await inference.swap(release('good'));
    await expect(inference.swap(release('bad', true))).rejects.toMatchObject({ code: 'model-unreadable' });
    expect(await inference.infer(picture)).toMatchObject({ release: 'good' });
    await expect(inference.swap({ ...release('few'), classes: ['a', 'b'] })).rejects.toMatchObject({ code: 'release-invalid' });
    await end();
    await expect(inference.swap(release('bad', true))).rejects.toMatchObject({ code: 'model-unreadable' });
    await expect.poll(() => inference.infer(picture).catch(() => null), { timeout: 60_000 }).toMatchObject({ release: 'good' });
  });
});
