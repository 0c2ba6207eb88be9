// A lesson learned on one device and deployed to another stays there when that one learns its own: only sums travel, no capture.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { classesOfTail, openQuantizedTail } from '../../agent/candidate/evidence.ts';
import { describeDelta, publishedModel, type ReceivedWeights } from '../../agent/contract/weights.ts';
import { loadKnowledge } from '../../agent/model/knowledge.ts';
import { encodeLineage, maxLineageBytes, readLineage } from '../../agent/model/lineage.ts';
import { loadModel } from '../../agent/model/load.ts';
import { decodeSafeTensors } from '../../agent/onnx/codec/safetensors.ts';
import { install } from '../../agent/operations/deploy.ts';
import { randomOf } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { sample } from '../store/fixtures.ts';
import { modelPath, trainingBench } from '../training/bench.ts';

type Bench = Awaited<ReturnType<typeof trainingBench>>;
interface Rows {
  readonly features: Float32Array;
  readonly labels: readonly number[];
}

/** The model's own golden rows, as a person's surroundings change them: the same way each time, and a little at random. */
function surroundings({ features, labels, count, width }: NonNullable<ReturnType<typeof loadKnowledge>['golden']>, seed: number) {
  const random = randomOf(seed);
  const mean = new Float32Array(width);
  for (const [at, value] of features.entries()) mean[at % width]! += value / count;
  const shift = Float32Array.from(mean, (value) => value * (random() - 0.5) * 5);
  const changed = features.map((value, at) => Math.max(0, value + shift[at % width]! + 0.05 * mean[at % width]! * (random() - 0.5)));
  const part = (odd: number): Rows => {
    const rows = Array.from({ length: count }, (_, row) => row).filter((row) => row % 2 === odd);
    return {
      features: Float32Array.from(rows.flatMap((row) => [...changed.subarray(row * width, (row + 1) * width)])),
      labels: rows.map((row) => labels[row]!),
    };
  };
  return { learn: part(0), test: part(1) };
}

function show({ store, classifier, card, clock }: Bench, { features, labels }: Rows): void {
  const { width } = classifier.features;
  for (const [row, label] of labels.entries()) {
    clock.nowMs += 60_000;
    const hash = BigInt.asUintN(64, BigInt(row + 1) * 0x9e3779b97f4a7c15n);
    const own = features.slice(row * width, (row + 1) * width);
    store.samples.add(sample({ backbone: classifier.backboneHash, features: own, timeMs: clock.nowMs, hash, label: card.labels[label]! }));
  }
}

async function accuracy({ classifier, releases }: Bench, { features, labels }: Rows): Promise<number> {
  const version = await releases.current();
  const path = version === 'base' ? modelPath : join(releases.directory(version), 'model.onnx');
  await using tail = await openQuantizedTail(loadModel(path).model, classifier, createRuntime());
  const rows = { features, count: labels.length, width: classifier.features.width };
  const said = await classesOfTail(tail, rows, [...labels.keys()]);
  return said.filter((label, row) => label === labels[row]).length / labels.length;
}

async function published({ releases, clock }: Bench): Promise<ReceivedWeights> {
  const manifest = await releases.verify(await releases.current());
  const delta = new Uint8Array(readFileSync(join(releases.directory(manifest.version), 'delta.safetensors')));
  return { manifest: { timeMs: clock.now(), ...publishedModel(manifest), delta: describeDelta(manifest.delta, 65_536) }, delta };
}

it('base and first lesson stay when a second device learns its own', { timeout: 120_000 }, async () => {
  const settings = { classes: 'keep', gate: { forgetting: 0.1 } };
  const [giver, taker] = [await trainingBench(settings), await trainingBench(settings)];
  const golden = loadKnowledge(modelPath, giver.classifier).golden!;
  const [first, second] = [surroundings(golden, 1), surroundings(golden, 7)];
  const before = await accuracy(giver, first.test);
  show(giver, first.learn);
  const report = await giver.jobs.train('first');
  expect(report.verdict.kind, report.verdict.reason).toBe('accepted');
  expect(report.carries).toEqual({ statistics: true, why: null });
  const learned = await accuracy(giver, first.test);
  expect(learned).toBeGreaterThan(before + 0.05);

  const weights = await published(giver);
  await install({ ...taker, answers: async () => [] }, weights);
  show(taker, second.learn);
  const own = await taker.jobs.train('second');
  expect(own.verdict.kind, own.verdict.reason).toBe('accepted');
  const kept = await accuracy(taker, first.test);
  expect(kept).toBeGreaterThan(learned - 0.05);
  expect(await accuracy(taker, second.test)).toBeGreaterThan(before);
  expect(own.base!.after).toBeGreaterThan(own.base!.before - 0.1);
  // A third run begins again with what came, not with its own captures twice.
  const master = (version: string) => decodeSafeTensors(readFileSync(join(taker.releases.directory(version), 'master.safetensors')));
  const came = readLineage(decodeSafeTensors(weights.delta))!;
  expect(readLineage(master(own.release!))).toEqual(came);
  expect(came.lessons).toBe(2);
  const bytes = [...encodeLineage(came).tensors.values()].reduce((sum, { data }) => sum + (data as Float32Array).byteLength, 0);
  expect(bytes).toBeLessThan(maxLineageBytes);
});
