// What a run of the device learned, judged: the written artifact beside the current release and the base model, on the store's rows that neither
// has learned from. Takes the run's parts, gives a verdict and the numbers of the report.
import { createHash } from 'node:crypto';
import { chooseJudges, type Division } from '../candidate/divide.ts';
import {
  boundByFile,
  classesLeftOut,
  classesOfTail,
  compareWithFloat,
  confusionOf,
  type Evidence,
  evidenceOf,
  openQuantizedTail,
  scoresOf,
} from '../candidate/evidence.ts';
import { judgeGolden, type Named } from '../candidate/golden.ts';
import { compareCost } from '../candidate/latency.ts';
import { listen } from '../candidate/listening.ts';
import { type Look, lookAt } from '../candidate/looks.ts';
import type { Chosen } from '../learn/choose.ts';
import { takeRows } from '../learn/splits.ts';
import { loadKnowledge } from '../model/knowledge.ts';
import { type LoadedModel, loadModel } from '../model/load.ts';
import type { Classifier } from '../model/open.ts';
import type { Model } from '../onnx/ir.ts';
import { withClasses } from '../onnx/surgery/classes.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { openStoreReader } from '../store/store.ts';
import { classes } from '../tasks/classes.ts';
import type { ListeningReport, TrainingReport, Verdict } from '../types.ts';
import type { TrainingJob } from './protocol.ts';
import type { TeachingSet } from './teaching-set.ts';

export interface Base {
  readonly runtime: Runtime;
  readonly loaded: LoadedModel;
  readonly classifier: Classifier;
  /** Class names of the base model. */
  readonly classes: readonly string[];
}

interface Judged {
  readonly verdict: Verdict;
  readonly holdout: number;
  readonly before: TrainingReport['before'];
  readonly after: TrainingReport['after'];
  readonly confusion: TrainingReport['confusion'];
  readonly base: TrainingReport['base'];
  readonly listening: ListeningReport | null;
  readonly look: Look;
}

/** Compares the artifact with what predicts now, on rows that neither has learned from. */
export async function judgeArtifact(
  job: TrainingJob,
  base: Base,
  taught: TeachingSet,
  division: Division,
  chosen: Chosen,
  artifact: Model,
  bytes: Uint8Array,
): Promise<Judged> {
  const { set, plan } = taught;
  const { classifier } = base;
  const current = job.current.artifact === null ? base.loaded : loadModel(job.current.artifact);
  await using oldTail = await openQuantizedTail(current.model, classifier, base.runtime);
  await using newTail = await openQuantizedTail(artifact, classifier, base.runtime);
  const [before, after] = [
    { tail: oldTail, classes: job.current.classes },
    { tail: newTail, classes: plan.labels },
  ];
  const known = job.classes === 'replace' ? null : loadKnowledge(job.modelPath, classifier);
  const golden = await judgeGolden(known?.golden ?? null, base.classes, before, after);
  const evidence = await gatherEvidence(job, base, taught, division, chosen, before, after);
  const look = lookAt(job.looks, questionOf(evidence, taught.ids, bytes));
  const costs = {
    golden,
    hasStatistics: known !== null && known.statistics !== null,
    latencyMs: await compareCost(classifier, current.model, artifact, { runtime: base.runtime, limit: job.gate.latencyRatio }),
    sizeBytes: { before: current.bytes, after: bytes.length },
  };
  const verdict = classes.judge(evidence, set, costs, { ...job.gate, minPerClass: job.minPerClass, look: look.looks });
  return {
    verdict: job.unlearning ? unlearned(verdict) : verdict,
    holdout: evidence.rows.length,
    ...scoresOf(evidence),
    confusion: confusionOf(evidence),
    listening: await listenTo(job, base, taught, evidence, artifact),
    base: golden === null ? null : { before: golden.before, after: golden.after },
    // A run that waits has looked at nothing.
    look: verdict.kind === 'waiting' ? job.looks : look,
  };
}

/** The recordings that judge, as the store still has them. */
async function listenTo(job: TrainingJob, { classifier, runtime }: Base, { ids }: TeachingSet, evidence: Evidence, model: Model) {
  const store = openStoreReader(job.database);
  try {
    const recording = async (at: number) => store.features.raw(ids[evidence.rows[at]!.row]!);
    return await listen(evidence, recording, job.card, { classifier, model, runtime });
  } finally {
    store.close();
  }
}

/** What a look asks: whether this candidate is better, on these rows. */
function questionOf({ rows }: Evidence, ids: readonly string[], candidate: Uint8Array): string {
  const judged = rows.map(({ row, group, is }) => `${ids[row]} ${group} ${is}`).sort();
  return createHash('sha256').update(candidate).update(judged.join('\n')).digest('base64url').slice(0, 22);
}

/** What both say of the rows that judge: the candidate through the file, and of rows that it learned from by predictions without them. */
async function gatherEvidence(
  job: TrainingJob,
  { classifier, runtime }: Base,
  { set, ids, plan }: TeachingSet,
  division: Division,
  { fitted }: Chosen,
  before: Named,
  after: Named,
): Promise<Evidence> {
  const judges = chooseJudges(division, set, ids, new Set(job.currentSeen));
  const train = takeRows(set, division.train);
  const leftOut = classesLeftOut(fitted, train);
  const positionOf = new Map(division.train.map((row, position) => [row, position]));
  const rows = judges.rows.filter((row) => !positionOf.has(row) || leftOut.has(positionOf.get(row)!));
  const asked = await classesOfTail(after.tail, set, rows);
  const labels = rows.map((row) => set.labels[row]!);
  const without = rows.map((row, at) => leftOut.get(positionOf.get(row) ?? -1) ?? asked[at]!);
  const isKnown = plan.labels.some((label) => before.classes.includes(label));
  const now = isKnown ? await classesOfTail(before.tail, set, rows) : null;
  const float = { tail: job.classes === 'keep' ? classifier.tail : withClasses(classifier.tail, plan.mapping), weights: fitted.weights };
  const options = { shape: classifier.features.shape, runtime };
  return evidenceOf({
    classes: plan.labels,
    by: judges.by,
    set,
    rows,
    candidate: boundByFile(without, asked, labels),
    current: now?.map((label) => plan.labels.indexOf(before.classes[label] ?? '')) ?? null,
    agreement: await compareWithFloat((rows, taken) => classesOfTail(after.tail, rows, taken), float, train, options),
  });
}

/** Forgetting must take effect also where the new tail is worse: what it knew too much is the point. */
function unlearned(verdict: Verdict): Verdict {
  return verdict.kind === 'waiting'
    ? verdict
    : { kind: 'accepted', reason: `Trained again without the forgotten samples. ${verdict.reason}` };
}
