// What a run starts from: the sums behind a release that came from another device, else those beside the base model. And what the release that
// comes of it tells others: these sums with its own lesson added.
import { readFileSync } from 'node:fs';
import { headRows } from '../learn/head-rows.ts';
import { gatherStatistics, oneHot } from '../learn/ridge/gather.ts';
import { withLesson } from '../learn/ridge/keep-known.ts';
import { remapStatistics } from '../learn/ridge/statistics.ts';
import { shiftOfStatistics } from '../learn/shift.ts';
import { loadKnowledge } from '../model/knowledge.ts';
import { type Lineage, lineageBytes, maxLineageBytes, readLineage } from '../model/lineage.ts';
import { decodeSafeTensors } from '../onnx/codec/safetensors.ts';
import type { FloatTail } from '../onnx/surgery/tail.ts';
import type { FeatureSet, TrainingReport } from '../types.ts';
import type { Base } from './judge-artifact.ts';
import type { TrainingJob } from './protocol.ts';

/** What came with the current release, where it fits this base; null where nothing did. */
export function deployedLineage(job: Pick<TrainingJob, 'known'>, { classifier }: Pick<Base, 'classifier'>): Lineage | null {
  if (job.known === null) return null;
  const lineage = readLineage(decodeSafeTensors(readFileSync(job.known)));
  return lineage?.statistics.width === classifier.tail.head?.width ? lineage : null;
}

/** Class names that a run may count on besides those that its samples bring. */
export function knownClasses(job: Pick<TrainingJob, 'classes'>, base: readonly string[], lineage: Lineage | null): readonly string[] {
  if (job.classes !== 'extend' || lineage === null) return base;
  return [...base, ...lineage.classes.filter((name) => !base.includes(name))];
}

/** The sums that a run starts from, under the names of the new model's classes; null where there are none that fit. */
export function startingLineage(job: TrainingJob, base: Base, labels: readonly string[]): Lineage | null {
  const deployed = deployedLineage(job, base);
  if (deployed?.classes.every((name) => labels.includes(name)))
    return { ...deployed, classes: labels, statistics: renamed(deployed.statistics, deployed.classes, labels) };
  if (job.classes === 'replace') return null;
  const { statistics, lessons } = loadKnowledge(job.modelPath, base.classifier);
  return statistics === null ? null : { classes: labels, lessons, statistics: renamed(statistics, base.classes, labels) };
}

function renamed(statistics: Lineage['statistics'], from: readonly string[], to: readonly string[]): Lineage['statistics'] {
  const source = (name: string) => (from.includes(name) ? from.indexOf(name) : null);
  return remapStatistics(statistics, to.map(source));
}

export interface Told {
  readonly lineage: Lineage | null;
  readonly carries: NonNullable<TrainingReport['carries']>;
}

/** What a new release tells others of what it knows. */
export async function toldLineage(
  job: TrainingJob,
  base: Base,
  tail: FloatTail,
  train: FeatureSet,
  labels: readonly string[],
): Promise<Told> {
  const none = (why: string): Told => ({ lineage: null, carries: { statistics: false, why } });
  const { head } = tail;
  if (head === null || head.width !== base.classifier.features.width)
    return none('several layers were trained, and sums of features hold for the last one alone');
  const bytes = lineageBytes(head.width, labels.length);
  if (bytes > maxLineageBytes)
    return none(`the sums have ${Math.ceil(bytes / 1024)} KB, and at most ${maxLineageBytes / 1024} KB are sent with the weights`);
  const start = startingLineage(job, base, labels);
  if (start === null && job.classes !== 'replace') return none('no statistics stand beside the base model');
  const rows = await headRows(tail, train, base.runtime);
  const targets = oneHot(train.labels.subarray(0, train.count), labels.length);
  const shift = start === null ? undefined : shiftOfStatistics(start.statistics);
  const own = await gatherStatistics(rows, targets, labels.length, base.runtime, shift);
  const lineage =
    start === null
      ? { statistics: own, classes: labels, lessons: 1 }
      : { statistics: withLesson(start.statistics, start.lessons, own), classes: labels, lessons: start.lessons + 1 };
  return { lineage, carries: { statistics: true, why: null } };
}
