// `whet adapt --task anomaly`: captures of what is normal in, a model that scores how far a capture is from that and an honest report out. With a
// test folder of normal and anomalous captures, what does not rank the anomalous ones higher by more than chance is not written.
import { join } from 'node:path';
import { WhetError } from '../errors.ts';
import { fitNormal, rankingQuality, scoreAll } from '../learn/anomaly.ts';
import { proportion } from '../learn/evaluate.ts';
import { bootstrap } from '../learn/intervals.ts';
import { encodeModel } from '../onnx/encode.ts';
import { withAnomalyHead } from '../onnx/task-head.ts';
import { listCaptures } from '../quantize/captures.ts';
import type { Verdict } from '../types.ts';
import { listClassFolders } from './class-folders.ts';
import { requireWritable } from './output-file.ts';
import type { AdaptOptions } from './report.ts';
import { embedCaptures, openTaskModel, placeArtifact, proveArtifact, runOnCaptures, type TaskModel } from './task-candidate.ts';
import type { AnomalyReport } from './task-report.ts';

/** Share of normal captures that may raise an alarm. */
const allowedAlarms = 0.01;
const fewestNormal = 10;

export async function adaptAnomaly(options: AdaptOptions): Promise<AnomalyReport> {
  const startedMs = performance.now();
  await requireWritable(options.out);
  const task = await openTaskModel(options);
  const testFolders = options.test === undefined ? null : await foldersOf(options.test);
  const { set, files, unreadable } = await embedCaptures(options, task, await listCaptures(options.data, []), 'features', false);
  const fitted = await fitNormal(set, set.groups, { falseAlarms: allowedAlarms, seed: options.seed, threads: options.threads });
  if (fitted === null)
    throw new WhetError('data-unusable', `'${options.data}' holds fewer than three different captures of what is normal`, {
      hint: `${fewestNormal} are needed for a verdict, and a hundred or more for a threshold that rarely cries wolf.`,
    });
  const backbone = { model: task.features.backbone, features: task.features.features.name, width: set.width };
  const model = withAnomalyHead(backbone, fitted.normal);
  const bytes = encodeModel(model);
  await proveArtifact(options, task, bytes, files, await scoreAll(fitted.normal, set, options.threads));
  const scoresOf = async (kind: 'normal' | 'anomalous') =>
    testFolders === null || testFolders[kind] === null ? null : scored(options, task, bytes, testFolders[kind]);
  const tested = { normal: await scoresOf('normal'), anomalous: await scoresOf('anomalous') };
  const normalScores = tested.normal?.scores ?? fitted.leftOut;
  const anomalous = tested.anomalous?.scores ?? null;
  const above = (scores: Float32Array) => proportion(scores.filter((score) => score > fitted.threshold).length, scores.length);
  const auroc = anomalous === null ? null : rankingOf(normalScores, anomalous);
  const verdict = judge(new Set(set.groups).size, auroc);
  const card = { ...task.card, task: 'anomaly' as const, labels: [], targets: [], threshold: fitted.threshold };
  return {
    task: 'anomaly',
    samples: {
      normal: set.count,
      testNormal: tested.normal?.scores.length ?? 0,
      testAnomalous: anomalous?.length ?? 0,
      unreadable: unreadable.length + (tested.normal?.unreadable ?? 0) + (tested.anomalous?.unreadable ?? 0),
    },
    threshold: fitted.threshold,
    shrinkage: fitted.normal.shrinkage,
    falseAlarms: above(normalScores),
    judgedOn: tested.normal === null ? 'left-out' : 'test',
    detected: anomalous === null ? null : above(anomalous),
    auroc,
    verdict,
    artifact: await placeArtifact(options, model, card, verdict),
    seconds: Math.round(performance.now() - startedMs) / 1000,
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

/** The two folders of a test; either may be missing, not both. */
async function foldersOf(directory: string): Promise<{ readonly normal: string | null; readonly anomalous: string | null }> {
  const folders = (await listClassFolders(directory)).filter(({ files }) => files.length > 0).map(({ name }) => name);
  const find = (names: readonly string[]) => folders.find((name) => names.includes(name.toLowerCase()));
  const [normal, anomalous] = [find(['normal', 'good', 'ok']), find(['anomalous', 'anomaly', 'abnormal', 'bad'])];
  const other = folders.find((name) => name !== normal && name !== anomalous);
  if (other !== undefined || (normal === undefined && anomalous === undefined))
    throw new WhetError(
      'data-unusable',
      `'${directory}' has ${other === undefined ? 'no captures' : `a folder '${other}'`}; a test of anomalies has 'normal' and 'anomalous'`,
    );
  const path = (name: string | undefined) => (name === undefined ? null : join(directory, name));
  return { normal: path(normal), anomalous: path(anomalous) };
}

async function scored(options: AdaptOptions, task: TaskModel, bytes: Uint8Array, folder: string) {
  const files = await listCaptures(folder, []);
  const { outputs, files: readable } = await runOnCaptures(options, task.card, bytes, task.features.input.shape, files, 'the new model');
  if (readable.length === 0) throw new WhetError('data-unusable', `no capture in '${folder}' can be read`);
  return { scores: outputs, unreadable: files.length - readable.length };
}

/** Both kinds are drawn again together; draws without one of them say nothing. */
function rankingOf(normal: Float32Array, anomalous: Float32Array) {
  const scores = [...normal, ...anomalous];
  return bootstrap(Int32Array.from(scores.keys()), (rows) =>
    rankingQuality(
      rows.filter((row) => row < normal.length).map((row) => scores[row] as number),
      rows.filter((row) => row >= normal.length).map((row) => scores[row] as number),
    ),
  );
}

function judge(normal: number, auroc: AnomalyReport['auroc']): Verdict {
  if (normal < fewestNormal)
    return { kind: 'waiting', reason: `${normal} different captures of what is normal are too few; ${fewestNormal} are needed.` };
  if (auroc === null)
    return { kind: 'accepted', reason: 'It knows what is normal; no anomalous captures were there to say what it finds.' };
  const said = `an anomalous capture scores higher than a normal one with a chance of ${auroc.value.toFixed(3)} (95 % interval ${auroc.low.toFixed(3)} to ${auroc.high.toFixed(3)})`;
  return auroc.low > 0.5
    ? { kind: 'accepted', reason: `Better than chance: ${said}.` }
    : { kind: 'rejected', reason: `Not better than chance: ${said}.` };
}
