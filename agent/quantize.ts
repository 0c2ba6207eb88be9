// A float classifier and captures in, an int8 one and a comparison of the two out: the job of `whet quantize`. Refuses models that are quantized
// already, data without readable captures, and to write over the model.
import { createHash } from 'node:crypto';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { LabelledFile } from './adapt/class-folders.ts';
import { replaceFile, requireWritable } from './adapt/output-file.ts';
import { readPictures } from './adapt/pictures.ts';
import { compareLatency } from './candidate/latency.ts';
import { shownPath } from './capture/file-names.ts';
import { type ModelCard, requireCard } from './config/card.ts';
import { requireClassifier } from './config/require-classifier.ts';
import { WhetError } from './errors.ts';
import { proportion } from './learn/evaluate.ts';
import { requireBounded } from './model/bounds.ts';
import { sampleShape } from './model/input.ts';
import { loadModel } from './model/load.ts';
import { openPart, type Part } from './model/part.ts';
import { quantizeStatically } from './model/quantize-statically.ts';
import { encodeModel } from './onnx/codec/encode.ts';
import type { Model, Tensor } from './onnx/ir.ts';
import type { RangeMethod } from './onnx/quantize/choose-range.ts';
import { planQuantization } from './onnx/quantize/plan.ts';
import { prepareFloat } from './onnx/quantize/prepare.ts';
import { classifierEnds } from './onnx/surgery/classifier-ends.ts';
import { inputShape } from './preprocess/capture-input.ts';
import { listCaptures, takeEvenly } from './quantize/captures.ts';
import { compareLayers } from './quantize/layer-fidelity.ts';
import type { QuantizeJob, QuantizeReport } from './quantize/report.ts';

/** With fewer captures left over, those that calibrated judge as well. */
const fewestToJudge = 20;
/** Captures on which single layers are compared. */
const layerSamples = 16;

export async function quantize(job: QuantizeJob): Promise<QuantizeReport> {
  const startedMs = performance.now();
  await requireWritable(job.out);
  const { model, bytes, sha256 } = loadModel(job.model);
  const { card, path: cardFile } = await requireCard(job.model, {
    ...(job.card === undefined ? {} : { card: job.card }),
    shape: { input: classifierEnds(model).input.shape ?? [] },
  });
  requireClassifier(card, job.model, 'whet quantize');
  refuseOverwriting(job, cardFile);
  const { input } = classifierEnds(model);
  const shape = sampleShape(input, inputShape(card.input));
  requireBounded(model, input, shape);
  // What cannot be quantized is said before anything is read.
  planQuantization(prepareFloat(model), job);
  const files = await listCaptures(job.data, card.labels);
  const { taken, rest } = takeEvenly(files, job.samples);
  const calibration = await readInputs(job, card, taken, shape);
  const { model: integer, plan } = await quantizeStatically(model, calibration.inputs, { ...job, ranges: methodOf(job) });
  const written = encodeModel(integer);
  const [judging, from] = await judgingFiles(job, card, taken, rest);
  const test = { from, ...(await judgeBoth(job, card, model, written, judging, shape)) };
  const layers = await compareLayers(plan, integer, calibration.inputs.slice(0, layerSamples), job.runtime);
  const latency = await compareLatency(model, integer, shape, job.runtime);
  await replaceFile(cardBeside(job.out), Buffer.from(`${JSON.stringify(card, null, 2)}\n`));
  await replaceFile(job.out, written);
  return {
    model: { file: job.model, bytes, sha256 },
    artifact: { file: job.out, bytes: written.length, sha256: createHash('sha256').update(written).digest('hex') },
    calibration: {
      samples: calibration.inputs.length,
      unreadable: calibration.unreadable,
      ranges: job.ranges,
      biasCorrection: job.biasCorrection,
      activations: plan.scaleOf.size,
      layers: plan.layers.size,
    },
    test,
    layers,
    latencyMs: { float: latency.before, int8: latency.after },
    seconds: Math.round(performance.now() - startedMs) / 1000,
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

function methodOf({ ranges, percent }: QuantizeJob): RangeMethod {
  return ranges === 'percentile' ? { kind: 'percentile', percent } : { kind: ranges };
}

function refuseOverwriting(job: QuantizeJob, card: string): void {
  const written = [job.out, cardBeside(job.out)].map((path) => resolve(path));
  if (written[0] !== written[1] && ![job.model, card].some((path) => written.includes(resolve(path)))) return;
  throw new WhetError('usage', `--out ${job.out} would overwrite the model or its card`, {
    hint: 'Name a file of another name, ending in .onnx; its card is written beside it.',
  });
}

function cardBeside(out: string): string {
  return join(dirname(out), `${basename(out, extname(out))}.json`);
}

async function readInputs(job: QuantizeJob, card: ModelCard, files: readonly LabelledFile[], shape: readonly number[]) {
  const inputs: Tensor[] = [];
  const unreadable = await readPictures(files, readOptions(job, card, 'reading'), async ({ data }) => {
    inputs.push({ dtype: 'float32', dims: shape, data });
  });
  for (const { path, reason } of unreadable) job.note?.(`Left out ${shownPath(path)}: ${reason}.`);
  if (inputs.length > 0) return { inputs, unreadable: unreadable.length };
  throw new WhetError('data-unusable', `no capture in '${job.data}' can be read`, {
    hint: `The model card says that the model takes ${card.input.kind} input.`,
  });
}

function readOptions(job: QuantizeJob, card: ModelCard, what: string) {
  return { input: card.input, signal: job.signal, progress: job.progress, what };
}

async function judgingFiles(
  job: QuantizeJob,
  card: ModelCard,
  taken: readonly LabelledFile[],
  rest: readonly LabelledFile[],
): Promise<readonly [readonly LabelledFile[], QuantizeReport['test']['from']]> {
  if (job.test !== undefined) return [await listCaptures(job.test, card.labels), 'test'];
  return rest.length >= fewestToJudge ? [rest, 'rest'] : [taken, 'calibration'];
}

/** Both models on the same captures, the int8 one as it will be written. */
async function judgeBoth(
  job: QuantizeJob,
  card: ModelCard,
  model: Model,
  written: Uint8Array,
  files: readonly LabelledFile[],
  shape: readonly number[],
): Promise<Omit<QuantizeReport['test'], 'from'>> {
  await using float = await openPart(job.runtime, model, { label: 'the float model' });
  await using integer = await openPart(job.runtime, written, { label: 'the int8 model' });
  const counts = { samples: 0, labelled: 0, float: 0, int8: 0, equal: 0, largestDifference: 0 };
  await readPictures(files, readOptions(job, card, 'comparison'), async ({ data }, { label }) => {
    const x: Tensor = { dtype: 'float32', dims: shape, data };
    const [a, b] = [await scores(float, x), await scores(integer, x)];
    counts.samples += 1;
    if (top(a) === top(b)) counts.equal += 1;
    for (const [at, score] of a.entries()) counts.largestDifference = Math.max(counts.largestDifference, Math.abs(score - b[at]!));
    if (label < 0) return;
    counts.labelled += 1;
    if (top(a) === label) counts.float += 1;
    if (top(b) === label) counts.int8 += 1;
  });
  if (counts.samples === 0) throw new WhetError('data-unusable', `no capture in '${job.test ?? job.data}' can be read`);
  const share = (right: number) => (counts.labelled === 0 ? null : proportion(right, counts.labelled));
  return {
    samples: counts.samples,
    labelled: counts.labelled,
    float: share(counts.float),
    int8: share(counts.int8),
    agreement: proportion(counts.equal, counts.samples),
    largestDifference: counts.largestDifference,
  };
}

async function scores({ session }: Part, x: Tensor): Promise<Float32Array> {
  const [input = ''] = session.inputNames;
  const [output = ''] = session.outputNames;
  return ((await session.run({ [input]: x }, [output]))[output] as Tensor).data as Float32Array;
}

function top(values: Float32Array): number {
  return values.indexOf(Math.max(...values));
}
