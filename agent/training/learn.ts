// Which tail a run ends with: learners without and, where unlabelled samples say what the base model knew, with pseudo-statistics; left-out
// predictions decide. Takes a job and features, gives the chosen fit.

import type { ClassPlan } from '../candidate/class-plan.ts';
import { learnTail } from '../candidate/learn.ts';
import { learnWithViews } from '../candidate/varied-copies.ts';
import type { Chosen } from '../learn/choose.ts';
import { gradientBy } from '../learn/engines.ts';
import type { Room } from '../learn/gradient/room.ts';
import { headRows } from '../learn/head-rows.ts';
import { gatherStatistics } from '../learn/ridge/gather.ts';
import { priorFrom } from '../learn/ridge/keep-known.ts';
import { extendStatistics, type Statistics } from '../learn/ridge/statistics.ts';
import { openTail } from '../model/classify.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import { openStoreReader } from '../store/store.ts';
import type { FeatureSet, Progress } from '../types.ts';
import type { Base } from './judge-artifact.ts';
import { startingLineage } from './known.ts';
import type { TrainingJob } from './protocol.ts';

const fewestUnlabelled = 50;
const mostUnlabelled = 2000;

/** `views` are rows in the groups of those of `train`: captures as they might have been. */
export async function learn(
  job: TrainingJob,
  base: Base,
  tail: FloatTail,
  train: FeatureSet,
  views: FeatureSet,
  plan: ClassPlan,
  room: Room,
  progress: Progress,
): Promise<Chosen> {
  const classes = plan.labels.length;
  const known = await priorOf(job, base, plan);
  const learnFrom = (rows: FeatureSet, settled = job.learner): Promise<Chosen> =>
    learnTail({
      choice: settled,
      gradient: gradientBy(job.engine),
      prior: known,
      tail,
      train: rows,
      classes,
      seed: job.seed,
      runtime: base.runtime,
      settings: job.gradient,
      room,
      progress,
    });
  return learnWithViews(learnFrom, train, views, classes);
}

/** What the current release brought along or the base model knew: statistics where there are some, else what it says of the device's samples. */
async function priorOf(job: TrainingJob, base: Base, { labels }: ClassPlan): Promise<Statistics | null> {
  const start = startingLineage(job, base, labels);
  if (start !== null) return priorFrom(start.statistics, labels.length);
  return job.classes === 'replace' ? null : pseudoStatistics(job, base, labels.length);
}

/** What the base model says of the device's own unlabelled samples, as soft targets. null where there are too few. */
async function pseudoStatistics(job: TrainingJob, { classifier, runtime }: Base, classes: number): Promise<Statistics | null> {
  const store = openStoreReader(job.database);
  try {
    const rows = [...store.features.unlabelled(classifier.backboneHash, mostUnlabelled)];
    if (rows.length < fewestUnlabelled) return null;
    const { width } = classifier.features;
    const features = new Float32Array(rows.length * width);
    const targets = new Float32Array(rows.length * classifier.classes);
    await using base = await openTail(classifier.model, {
      cut: classifier.cut.tensor,
      features: classifier.features,
      activation: classifier.tail.activation,
      runtime,
    });
    for (const [row, sample] of rows.entries()) {
      features.set(sample.features, row * width);
      targets.set((await base.classify(sample.features)).probabilities, row * classifier.classes);
    }
    const seen = await headRows(classifier.tail, { features, count: rows.length, width }, runtime);
    return extendStatistics(await gatherStatistics(seen, targets, classifier.classes, runtime), classes);
  } finally {
    store.close();
  }
}
