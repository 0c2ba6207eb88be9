// Loop 2, as the trainer runs it: store → learn → requantize → judge → candidate. Reads the store and writes nothing but the files of an
// accepted candidate into a directory of its own; installing it as a release is the daemon's part.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { divide } from '../candidate/divide.ts';
import { classNames } from '../config/labels.ts';
import type { Chosen } from '../learn/choose.ts';
import { roomNow } from '../learn/gradient/room.ts';
import { takeRows } from '../learn/splits.ts';
import { encodeLineage, type Lineage } from '../model/lineage.ts';
import { loadModel } from '../model/load.ts';
import { openClassifier } from '../model/open.ts';
import { writeBack } from '../model/write-back.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import { encodeSafeTensors } from '../onnx/codec/safetensors.ts';
import { encodeDelta, tailDelta } from '../onnx/forms/delta.ts';
import type { Model } from '../onnx/ir.ts';
import { withClasses } from '../onnx/surgery/classes.ts';
import { inputShape, viewCount } from '../preprocess/capture-input.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { openStoreReader } from '../store/store.ts';
import type { DepthEvidence, FeatureSet, Progress, ReleaseManifest, TrainingReport, Verdict } from '../types.ts';
import { type Base, judgeArtifact } from './judge-artifact.ts';
import { deployedLineage, knownClasses, toldLineage } from './known.ts';
import { learn } from './learn.ts';
import type { TrainingJob, TrainingOutcome } from './protocol.ts';
import { type TeachingSet, teachingSet } from './teaching-set.ts';

export async function improve(job: TrainingJob, runtime: Runtime, progress: Progress): Promise<TrainingOutcome> {
  const startedMs = performance.now();
  progress(0, null, 'features');
  const base = await openBase(job, runtime);
  const taught = readTeachingSet(job, base);
  if (taught === null) return nothingToLearn(job, startedMs);
  const division = divide(taught.set, taught.judges);
  const train = takeRows(taught.set, division.train);
  const trainedMs = performance.now();
  const tail = job.classes === 'keep' ? base.classifier.tail : withClasses(base.classifier.tail, taught.plan.mapping);
  const views = readViews(job, base, taught, division.train);
  const room = roomNow(job.gradient.memoryMegabytes, job.roomBytes);
  const chosen = await learn(job, base, tail, train, views, taught.plan, room, progress);
  const trainSeconds = (performance.now() - trainedMs) / 1000;
  progress(0, null, 'export');
  const samples = { ...train, shape: base.classifier.features.shape };
  const artifact = await writeBack(base.loaded.model, tail, chosen.fitted.weights, samples, {
    runtime,
    fixedScales: job.gradient.scales === 'fixed',
    isAware: job.gradient.quantization === 'aware' && chosen.learner.seesRounding,
  });
  const bytes = encodeModel(artifact);
  progress(0, null, 'gate');
  const judged = await judgeArtifact(job, base, taught, division, chosen, artifact, bytes);
  const accepted = judged.verdict.kind === 'accepted';
  const told = accepted ? await toldLineage(job, base, tail, train, taught.plan.labels) : null;
  const report: TrainingReport = {
    ...emptyReport(job, startedMs),
    learner: chosen.learner.name,
    classes: taught.plan.labels,
    samples: { train: train.count, holdout: judged.holdout },
    before: judged.before,
    after: judged.after,
    confusion: judged.confusion,
    base: judged.base,
    depth: depthOf(chosen),
    verdict: judged.verdict,
    ...(judged.listening === null ? {} : { listening: judged.listening }),
    ...(told === null ? {} : { carries: told.carries }),
    seconds: { train: trainSeconds, total: (performance.now() - startedMs) / 1000 },
  };
  const lineage = told?.lineage ?? null;
  const roomBytes = room.planned;
  const candidate = accepted ? await writeCandidate(job, base, taught, chosen, { artifact, bytes, lineage, roomBytes }, report) : null;
  return { report, trainedOn: division.train.map((row) => taught.ids[row]!), candidate, look: judged.look };
}

async function openBase(job: TrainingJob, runtime: Runtime): Promise<Base> {
  const loaded = loadModel(job.modelPath);
  const classifier = await openClassifier(loaded.model, { cut: job.cut, runtime, inputShape: inputShape(job.card.input) });
  return { runtime, loaded, classifier, classes: classNames(job.card.labels, classifier.classes) };
}

function readTeachingSet(job: TrainingJob, base: Base): TeachingSet | null {
  const store = openStoreReader(job.database);
  try {
    const samples = store.snapshot(() => [...store.features.labelled(base.classifier.backboneHash)]);
    const known = knownClasses(job, base.classes, deployedLineage(job, base));
    return teachingSet(samples, job.classes, { known, own: base.classes.length }, base.classifier.features.width, job);
  } finally {
    store.close();
  }
}

/** What the captures of these rows might have been, where they are few: rows in the groups of their captures. */
function readViews(job: TrainingJob, base: Base, { set, ids }: TeachingSet, rows: readonly number[]): FeatureSet {
  const rowOf = new Map(rows.map((row) => [ids[row], row]));
  const few = viewCount(job.card.input, rows.length) > 0;
  const store = openStoreReader(job.database);
  try {
    const all = few ? [...store.features.views(base.classifier.backboneHash)] : [];
    const seen = all.flatMap(({ id, views }) => (rowOf.has(id) ? views.map((view) => ({ view, row: rowOf.get(id)! })) : []));
    const features = new Float32Array(seen.length * set.width);
    for (const [index, { view }] of seen.entries()) features.set(view, index * set.width);
    const of = (values: Int32Array) => Int32Array.from(seen, ({ row }) => values[row]!);
    return { features, count: seen.length, width: set.width, labels: of(set.labels), groups: of(set.groups) };
  } finally {
    store.close();
  }
}

function emptyReport(job: TrainingJob, startedMs: number): TrainingReport {
  return {
    run: job.run,
    startedAtMs: job.startedAtMs,
    reason: job.reason,
    learner: null,
    classes: [],
    samples: { train: 0, holdout: 0 },
    before: null,
    after: null,
    confusion: null,
    base: null,
    verdict: { kind: 'waiting', reason: '' },
    release: null,
    seconds: { train: 0, total: (performance.now() - startedMs) / 1000 },
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

function nothingToLearn(job: TrainingJob, startedMs: number): TrainingOutcome {
  const wanted = job.classes === 'replace' ? `two classes with ${job.minPerClass} labels each` : 'a label that is a class of the model';
  const verdict: Verdict = {
    kind: 'waiting',
    reason: `Nothing to learn from yet: ${wanted} ${job.classes === 'replace' ? 'are' : 'is'} needed.`,
  };
  return { report: { ...emptyReport(job, startedMs), verdict }, trainedOn: [], candidate: null, look: job.looks };
}

function depthOf({ depth, learner }: Chosen): DepthEvidence | null {
  if (depth?.leftOut === undefined || depth.leftOut === null) return null;
  return {
    ships: learner.trains === 'head' ? 'last layer' : 'all layers',
    lastLayer: depth.leftOut.first,
    allLayers: depth.leftOut.second,
  };
}

interface Written {
  readonly artifact: Model;
  readonly bytes: Uint8Array;
  readonly lineage: Lineage | null;
  readonly roomBytes: number;
}

async function writeCandidate(
  job: TrainingJob,
  base: Base,
  taught: TeachingSet,
  chosen: Chosen,
  { artifact, bytes, lineage, roomBytes }: Written,
  report: TrainingReport,
): Promise<Omit<ReleaseManifest, 'version' | 'createdAtMs'>> {
  const { loaded, classifier } = base;
  const { labels } = taught.plan;
  const about = { base: loaded.sha256, artifact: sha256(bytes), classes: JSON.stringify(labels) };
  const changed = tailDelta(loaded.model, artifact);
  const told = lineage === null ? { tensors: [], metadata: {} } : encodeLineage(lineage);
  const delta = encodeDelta({ ...changed, tensors: new Map([...changed.tensors, ...told.tensors]) }, { ...about, ...told.metadata });
  // What came from another device is where the next run begins again: this device's own captures are still in the store.
  const brought = deployedLineage(job, base);
  const kept = brought === null ? { tensors: [], metadata: {} } : encodeLineage(brought);
  const master = encodeSafeTensors({
    tensors: new Map([...chosen.fitted.weights, ...kept.tensors]),
    metadata: { base: loaded.sha256, ...kept.metadata },
  });
  const card = Buffer.from(`${JSON.stringify({ ...job.card, labels }, null, 2)}\n`);
  const files = { 'model.onnx': bytes, 'delta.safetensors': delta, 'master.safetensors': master, 'card.json': card };
  for (const [name, content] of Object.entries(files)) await writeFile(join(job.candidateDir, name), content);
  const described = <F extends string>(file: F, content: Uint8Array) => ({ file, bytes: content.length, sha256: sha256(content) });
  return {
    base: { name: job.card.name, sha256: loaded.sha256, backbone: classifier.backboneHash, cut: classifier.cut.tensor },
    artifact: described('model.onnx', bytes),
    delta: described('delta.safetensors', delta),
    master: described('master.safetensors', master),
    classes: labels,
    learner: chosen.learner.name,
    origin: job.unlearning ? 'unlearning' : 'training',
    run: job.run,
    scores: { before: report.before, after: report.after },
    roomBytes,
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
