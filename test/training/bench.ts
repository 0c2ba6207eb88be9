// Everything that a training run needs, without a daemon: a store of synthetic features for the shipped model, releases, and jobs that
// start the real trainer process.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { requireCard } from '../../agent/config/card.ts';
import type { Config } from '../../agent/config/resolve.ts';
import { resolveConfig } from '../../agent/config/resolve.ts';
import { configSchema } from '../../agent/config/schema.ts';
import { createLog } from '../../agent/log.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { inputShape } from '../../agent/preprocess/capture-input.ts';
import { createReleases } from '../../agent/release/releases.ts';
import { createJobs, type JobPorts } from '../../agent/training/jobs.ts';
import type { TrainingReport } from '../../agent/types.ts';
import { clusters } from '../learn/samples.ts';
import { clockAt, sample, storeIn, temporaryDirectory } from '../store/fixtures.ts';

export const modelPath = fileURLToPath(new URL('../../models/objects/model.onnx', import.meta.url));

/** `settings` as in the configuration file. */
export async function trainingBench(settings: object, changes: Partial<JobPorts> = {}) {
  const directory = temporaryDirectory();
  const { card } = await requireCard(modelPath);
  const written = configSchema.parse({ model: modelPath, state: directory, device: 'bench', classes: 'replace', ...settings });
  const config: Config = resolveConfig(written, join(directory, 'w.yaml'), { env: {}, home: directory, hostname: 'bench' });
  const clock = clockAt();
  const store = storeIn(directory);
  const releases = createReleases(join(directory, 'releases'), clock);
  await releases.start();
  const classifier = await openClassifier(loadModel(modelPath).model, {
    cut: config.cut,
    threads: 1,
    inputShape: inputShape(card.input),
  });
  const reports: TrainingReport[] = [];
  const candidates = join(directory, 'candidates');
  mkdirSync(candidates);
  const jobs = createJobs({
    ...{ config, card, baseClasses: card.labels, database: join(directory, 'store.db'), candidates, store, releases, clock },
    log: createLog('silent'),
    prepare: async () => {},
    use: async () => {},
    reported: (report) => reports.push(report),
    released: async () => {},
    progressed: () => {},
    ...changes,
  });
  onTestFinished(() => jobs.stop());

  /** Samples of two or more classes that can be told apart, a minute between them; their ids. */
  function addSamples(classes: readonly string[], perClass: number, seed = 1): readonly string[] {
    const { width } = classifier.features;
    const set = clusters({ perClass, classes: classes.length, width, seed, noise: 0.3 });
    return Array.from(set.labels, (label, row) => {
      clock.nowMs += 60_000;
      const features = set.features.slice(row * width, (row + 1) * width);
      const added = store.samples.add(
        sample({
          backbone: classifier.backboneHash,
          features,
          timeMs: clock.nowMs,
          hash: BigInt.asUintN(64, BigInt(row + 1) * 0x9e3779b97f4a7c15n),
          label: classes[label],
        }),
      );
      if (added.kind !== 'added') throw new Error(added.reason);
      return added.id;
    });
  }
  return { config, card, store, releases, jobs, reports, candidates, directory, classifier, clock, addSamples };
}
