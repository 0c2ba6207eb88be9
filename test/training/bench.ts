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
import { createEvents } from '../../agent/events.ts';
import { createLog } from '../../agent/log.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { inputShape } from '../../agent/preprocess/capture-input.ts';
import { createActivation } from '../../agent/release/activation.ts';
import { createReleases } from '../../agent/release/releases.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { createJobs } from '../../agent/training/jobs.ts';
import type { BaseFacts, TailChoice, TrainingReport } from '../../agent/types.ts';
import { clusters } from '../learn/samples.ts';
import { clockAt, sample, storeIn, temporaryDirectory } from '../store/fixtures.ts';

export const modelPath = fileURLToPath(new URL('../../models/objects/model.onnx', import.meta.url));

export interface BenchChanges {
  use?(choice: TailChoice): Promise<void>;
  progressed?(what: string): void;
  prepare?(): Promise<void>;
}

/** `settings` as in the configuration file. */
export async function trainingBench(
  settings: object,
  { use = async () => {}, progressed = () => {}, prepare = async () => {} }: BenchChanges = {},
) {
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
    runtime: createRuntime(),
    inputShape: inputShape(card.input),
  });
  const reports: TrainingReport[] = [];
  const candidates = join(directory, 'candidates');
  mkdirSync(candidates);
  const loaded = loadModel(modelPath);
  const base: BaseFacts = {
    name: card.name,
    sha256: loaded.sha256,
    backbone: classifier.backboneHash,
    cut: classifier.cut.tensor,
    classes: card.labels,
    bytes: 0,
    createdAtMs: 0,
  };
  const log = createLog('silent');
  const events = createEvents(log);
  events.on((event) => {
    if (event.kind === 'reported') reports.push(event.report);
    if (event.kind === 'progressed') progressed(event.what);
  });
  const keep = Math.max(0, config.retention.releases - 2);
  const activation = createActivation({ releases, base, keep, log, use, changed: async () => {} });
  const database = join(directory, 'store.db');
  function jobsOf(own: Config) {
    const made = createJobs({ config: own, card, database, candidates, store, releases, activation, events, clock, log, prepare });
    onTestFinished(() => made.stop());
    return made;
  }
  const jobs = jobsOf(config);

  /** The same device when so much memory is there for gradients. */
  const jobsWithin = (memoryMegabytes: number) =>
    jobsOf({ ...config, training: { ...config.training, gradient: { ...config.training.gradient, memoryMegabytes } } });

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
  return {
    config,
    card,
    base,
    store,
    releases,
    activation,
    events,
    jobs,
    jobsWithin,
    reports,
    candidates,
    directory,
    classifier,
    clock,
    addSamples,
  };
}
