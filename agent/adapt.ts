// The one-shot job: a model and a folder a class in, a personalised model in the same form and an honest report out. No daemon, no store.
// Refuses data without classes (`data-unusable`) and models that cannot be cut; a candidate that the gate does not accept is not written.
import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { LabelledFile } from './adapt/class-folders.ts';
import { reportDepth } from './adapt/depth-report.ts';
import { divideFiles, withoutOverlap } from './adapt/divide-files.ts';
import { gatherEvidence, type Judging } from './adapt/judge-candidate.ts';
import { learnCandidate } from './adapt/learn-candidate.ts';
import { moveInto, replaceFile, requireWritable, writeBeside } from './adapt/output-file.ts';
import type { Unreadable } from './adapt/pictures.ts';
import { planFolders, readFolders } from './adapt/read-folders.ts';
import { type AdaptOptions, type AdaptReport, doubtOf, evidenceReport, wrongFiles } from './adapt/report.ts';
import { writeSides } from './adapt/side-files.ts';
import type { ClassPlan } from './candidate/class-plan.ts';
import { confusionOf, openQuantizedTail, scoresOf } from './candidate/evidence.ts';
import type { GateLimits } from './candidate/gate.ts';
import { judgeGolden } from './candidate/golden.ts';
import { compareCost } from './candidate/latency.ts';
import { listen } from './candidate/listening.ts';
import { pathBytes } from './capture/file-names.ts';
import { type ModelCard, requireCard } from './config/card.ts';
import { gradientDefaults } from './config/gradient-schema.ts';
import { classNames } from './config/labels.ts';
import { requireClassifier } from './config/require-classifier.ts';
import { WhetError } from './errors.ts';
import type { Chosen } from './learn/choose.ts';
import { createEmbedder } from './model/embed.ts';
import { proofInputs } from './model/input.ts';
import { cardContradiction, watchInputs } from './model/input-range.ts';
import { loadKnowledge } from './model/knowledge.ts';
import { loadModel } from './model/load.ts';
import { type Classifier, openClassifier } from './model/open.ts';
import { prove } from './model/proof.ts';
import { writeBack } from './model/write-back.ts';
import { encodeModel } from './onnx/codec/encode.ts';
import type { Model } from './onnx/ir.ts';
import { withClasses } from './onnx/surgery/classes.ts';
import { classifierEnds, withAllOutputs, withOutput } from './onnx/surgery/classifier-ends.ts';
import type { FloatTail } from './onnx/surgery/tail.ts';
import { inputRange, inputShape } from './preprocess/capture-input.ts';
import { classes } from './tasks/classes.ts';
import type { FeatureSet } from './types.ts';

const limits: GateLimits = { confidence: 0.9, forgetting: 0.02, latencyRatio: 1.5, sizeRatio: 1.5, minPerClass: 2, look: null };

interface Prepared {
  readonly card: ModelCard;
  /** The model with all its outputs, and with the one that is adapted. */
  readonly whole: Model;
  readonly model: Model;
  readonly modelBytes: number;
  readonly classifier: Classifier;
  readonly plan: ClassPlan;
  /** The float tail with the new classes. */
  readonly tail: FloatTail;
  readonly train: FeatureSet;
  /** The file of each of its rows. */
  readonly trainFiles: readonly LabelledFile[];
  /** The rows of `train` as they might have been; none where there are captures enough without. */
  readonly views: readonly FeatureSet[];
  /** null where every row is needed for learning. */
  readonly judging: Judging | null;
  readonly unreadable: readonly Unreadable[];
  /** Test captures that the data has too. */
  readonly overlap: number;
}

type Outcome = Pick<AdaptReport, 'before' | 'after' | 'base' | 'verdict' | 'evidence' | 'confusion' | 'wrong' | 'listening'>;

export async function adapt(options: AdaptOptions): Promise<AdaptReport> {
  const seconds = stopwatch();
  await requireWritable(options.out);
  const prepared = await prepare(options);
  seconds.lap('features');
  const { train, plan, unreadable } = prepared;
  const chosen = await learnCandidate(options, { ...prepared, classes: plan.labels.length });
  options.note?.(`Learned with ${chosen.learner}: ${chosen.reason}.`);
  seconds.lap('train');
  const candidate = await exportCandidate(options, prepared, chosen);
  try {
    const outcome = await judgeCandidate(options, prepared, chosen, candidate);
    const { tail, classifier, judging } = prepared;
    const depth = await reportDepth(chosen, {
      tail,
      layers: classifier.cut.layers.length,
      set: judging?.set ?? null,
      shape: classifier.features.shape,
      runtime: options.runtime,
    });
    const isWritten = outcome.verdict.kind === 'accepted' || outcome.verdict.kind === 'not-worse' || options.force;
    if (isWritten) {
      await replaceFile(cardPath(options.out), Buffer.from(`${JSON.stringify({ ...prepared.card, labels: plan.labels }, null, 2)}\n`));
      await moveInto(candidate.part, options.out);
    }
    const sides = isWritten
      ? await writeSides({
          from: options.model,
          out: options.out,
          written: candidate.model,
          classifier,
          mode: options.classes,
          classes: plan.labels.length,
          train,
          judging: judging?.set ?? null,
          runtime: options.runtime,
        })
      : { statistics: null, golden: null };
    if (isWritten && sides.statistics === null)
      options.note?.(
        'No statistics stand beside the new model: what it knew of other captures cannot be measured or held when it is adapted again.',
      );
    seconds.lap('export');
    return {
      classes: plan.labels,
      samples: {
        train: train.count,
        holdout: prepared.judging?.from === 'holdout' ? prepared.judging.set.count : 0,
        test: prepared.judging?.from === 'test' ? prepared.judging.set.count : 0,
        unreadable: unreadable.length,
      },
      learner: chosen.learner.name,
      ...outcome,
      overlap: prepared.overlap,
      sides,
      depth,
      seconds: seconds.all(),
      peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
      artifact: isWritten ? { file: options.out, bytes: candidate.bytes.length, sha256: candidate.sha256 } : null,
    };
  } finally {
    await rm(candidate.part, { force: true });
  }
}

async function prepare(options: AdaptOptions): Promise<Prepared> {
  const { runtime } = options;
  const { model: whole, bytes } = loadModel(options.model);
  const model = withOutput(whole, options.output);
  const ends = classifierEnds(model);
  const shape = { input: ends.input.shape ?? [], ...knownClasses(ends.output.shape) };
  const { card, path } = await requireCard(options.model, {
    ...(options.card === undefined ? {} : { card: options.card }),
    shape,
    note: options.note,
  });
  requireClassifier(card, options.model, '--task classification');
  refuseOverwriting(options, path);
  const classifier = await openClassifier(model, { cut: options.cut, runtime, inputShape: inputShape(card.input) });
  if (classifier.cut.note !== null) options.note?.(`Cut at '${classifier.cut.tensor}': ${classifier.cut.note}.`);
  const planned = await planFolders(options, knownLabels(card, classifier), classifier.classes);
  const made = inputRange(card.input);
  const contradiction = cardContradiction(model, ends.input, made);
  if (contradiction !== null) options.note?.(`${contradiction}.`);
  await prove(model, classifier.cut, proofInputs(model, ends.input, classifier.input.shape, 2, made), runtime);
  await using embedder = await createEmbedder(classifier, runtime);
  const reader = { input: card.input, embedder, width: classifier.features.width };
  const watch = contradiction === null ? watchInputs(model, ends.input) : null;
  const { plan, data, test } = await readFolders(options, planned, { ...reader, watch });
  const tail = options.classes === 'keep' ? classifier.tail : withClasses(classifier.tail, plan.mapping);
  const unreadable = [...data.unreadable, ...test.unreadable];
  const { kept, overlap } = withoutOverlap(test, data, plan.labels, options.note);
  const parts = divideFiles(data, kept.set.count === 0 ? null : kept, plan.labels.length, options.seed);
  return { card, whole, model, modelBytes: bytes, classifier, plan, tail, ...parts, unreadable, overlap };
}

/** A card may name only what one score speaks for. */
function knownLabels({ labels }: ModelCard, { classes }: Classifier): readonly string[] {
  return labels.length === 1 && classes === 2 ? classNames(labels, classes) : labels;
}

/** The model and its card are what a second attempt starts from. */
function refuseOverwriting(options: AdaptOptions, card: string): void {
  const written = [options.out, cardPath(options.out)].map((path) => resolve(path));
  const kept = [options.model, card].find((path) => written.includes(resolve(path)));
  if (kept !== undefined || written[0] === written[1])
    throw new WhetError('usage', `--out ${options.out} would overwrite '${kept ?? options.out}' with the new model or its card`, {
      hint: 'Name a file of another name, ending in .onnx; its card is written beside it.',
    });
}

interface Candidate {
  readonly model: Model;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  /** Where it stands until the verdict. */
  readonly part: string;
}

async function exportCandidate(options: AdaptOptions, prepared: Prepared, { fitted, learner }: Chosen): Promise<Candidate> {
  const { model, tail, train, classifier } = prepared;
  options.signal?.throwIfAborted();
  const samples = { ...train, shape: classifier.features.shape };
  const { quantization, scales } = options.gradient ?? gradientDefaults;
  const changed = await writeBack(model, tail, fitted.weights, samples, {
    runtime: options.runtime,
    fixedScales: scales === 'fixed',
    isAware: quantization === 'aware' && learner.seesRounding,
  });
  const bytes = encodeModel(withAllOutputs(changed, prepared.whole));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { model: changed, bytes, sha256, part: await writeBeside(options.out, bytes) };
}

async function judgeCandidate(options: AdaptOptions, prepared: Prepared, { fitted }: Chosen, candidate: Candidate): Promise<Outcome> {
  const { classifier, judging, train, plan, card } = prepared;
  const { runtime } = options;
  const isNew = options.classes === 'replace';
  await using old = await openQuantizedTail(classifier.model, classifier, runtime);
  await using written = await openQuantizedTail(candidate.model, classifier, runtime);
  const read = {
    input: card.input,
    signal: options.signal,
    progress: options.progress,
    what: 'the new model',
  };
  const file = { path: candidate.part, model: candidate.model, tail: written, note: options.note };
  const subject = { ...prepared, current: isNew ? null : old, file };
  const { evidence, files, float } = await gatherEvidence(subject, fitted, runtime, read);
  const known = isNew ? null : loadKnowledge(options.model, classifier);
  const named = (tail: typeof old) => ({ tail, classes: plan.labels });
  const golden = await judgeGolden(known?.golden ?? null, plan.labels, named(old), named(written));
  const costs = {
    golden,
    hasStatistics: known !== null && known.statistics !== null,
    fresh: known?.statistics == null && options.classes === 'extend' ? newClasses(plan) : [],
    latencyMs: await compareCost(classifier, prepared.model, candidate.model, { runtime, limit: limits.latencyRatio }),
    sizeBytes: { before: prepared.modelBytes, after: candidate.bytes.length },
  };
  const { before, after } = scoresOf(evidence);
  const doubt = doubtOf(evidence);
  if (doubt !== null) options.note?.(doubt);
  return {
    before: before === null ? null : { accuracy: before.value },
    after: { accuracy: judging === null ? null : (after?.value ?? null), float: share(float) },
    base: golden === null ? null : { before: golden.before, after: golden.after },
    // Test data of its own judges a class from one picture as well as from many.
    verdict: classes.judge(evidence, train, costs, judging?.from === 'test' ? { ...limits, minPerClass: 1 } : limits),
    evidence: evidenceReport(evidence),
    confusion: confusionOf(evidence),
    wrong: wrongFiles(evidence, files),
    listening: await listen(evidence, (at) => readFile(pathBytes(files[at]!.path)), card, {
      classifier,
      model: loadModel(candidate.part).model,
      runtime,
    }),
  };
}

function newClasses({ mapping }: ClassPlan): readonly number[] {
  return mapping.flatMap((before, label) => (before === null ? [label] : []));
}

function share(right: readonly boolean[]): number | null {
  return right.length === 0 ? null : right.filter(Boolean).length / right.length;
}

function knownClasses(shape: readonly unknown[] | null): { readonly classes?: number } {
  const last = shape?.at(-1);
  return typeof last === 'number' ? { classes: last } : {};
}

function cardPath(out: string): string {
  return join(dirname(out), `${basename(out, extname(out))}.json`);
}

function stopwatch() {
  const start = performance.now();
  let last = start;
  const laps = { features: 0, train: 0, export: 0 };
  const since = (from: number) => Math.round(performance.now() - from) / 1000;
  return {
    lap(stage: keyof typeof laps) {
      laps[stage] = since(last);
      last = performance.now();
    },
    all: () => ({ ...laps, total: since(start) }),
  };
}
