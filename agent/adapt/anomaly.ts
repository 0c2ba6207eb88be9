// `whet adapt --task anomaly`: captures of what is normal in, a model that scores how far a capture is from that and an honest report out. With a
// test folder of normal and anomalous captures, what does not rank the anomalous ones higher by more than chance is not written.
import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { WhetError } from '../errors.ts';
import { fitNormal, scoreAll } from '../learn/anomaly/anomaly.ts';
import { above, rankingOf } from '../learn/anomaly/ranking.ts';
import { proportion } from '../learn/evaluate.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import { withAnomalyHead } from '../onnx/made/task-head.ts';
import { listCaptures } from '../quantize/captures.ts';
import { distance, fewestNormal, type Normality, normalityNames } from '../tasks/distance.ts';
import { listClassFolders } from './class-folders.ts';
import { requireWritable } from './output-file.ts';
import type { AdaptOptions } from './report.ts';
import { embedCaptures, openTaskModel, placeArtifact, proveArtifact, runOnCaptures, type TaskModel } from './task-candidate.ts';
import type { AnomalyReport } from './task-report.ts';

/** Share of normal captures that may raise an alarm, unless told. */
const defaultAlarms = 0.01;

export async function adaptAnomaly(options: AdaptOptions): Promise<AnomalyReport> {
  const startedMs = performance.now();
  await requireWritable(options.out);
  const task = await openTaskModel(options);
  const data = await normalAndOthers(options);
  const testFolders = options.test === undefined ? data.test : await foldersOf(options.test, options.note);
  const allowedAlarms = options.falseAlarms ?? defaultAlarms;
  const { set, files, unreadable } = await embedCaptures(options, task, await listCaptures(data.normal, []), 'features', false);
  const fitted = await fitNormal(set, set.groups, { falseAlarms: allowedAlarms, seed: options.seed, runtime: options.runtime });
  if (fitted === null)
    throw new WhetError('data-unusable', `'${options.data}' holds fewer than three different captures of what is normal`, {
      hint: `${fewestNormal} are needed for a verdict, and a hundred or more for a threshold that rarely cries wolf.`,
    });
  const backbone = { model: task.features.backbone, features: task.features.features.name, width: set.width };
  const model = withAnomalyHead(backbone, fitted.normal);
  const bytes = encodeModel(model);
  await proveArtifact(options, task, bytes, files, await scoreAll(fitted.normal, set, options.runtime));
  const scoresOf = async (kind: 'normal' | 'anomalous') =>
    testFolders === null || testFolders[kind] === null ? null : scored(options, task, bytes, testFolders[kind]);
  const tested = { normal: await scoresOf('normal'), anomalous: await scoresOf('anomalous') };
  const normalScores = tested.normal?.scores ?? fitted.leftOut;
  const anomalous = tested.anomalous?.scores ?? null;
  const alarms = (scores: Float32Array) => proportion(above(scores, fitted.threshold), scores.length);
  const auroc = anomalous === null ? null : rankingOf(normalScores, anomalous);
  const learned = new Set(set.groups).size;
  const verdict = distance.judge({ learned, normal: normalScores, anomalous, auroc, threshold: fitted.threshold });
  const name = basename(options.out, extname(options.out));
  const description = `How far a capture is from what is normal; made from '${task.card.name}'.`;
  const card = { ...task.card, name, description, task: 'anomaly' as const, labels: [], targets: [], threshold: fitted.threshold };
  return {
    task: 'anomaly',
    samples: {
      normal: set.count,
      testNormal: tested.normal?.scores.length ?? 0,
      testAnomalous: anomalous?.length ?? 0,
      unreadable: unreadable.length + (tested.normal?.unreadable ?? 0) + (tested.anomalous?.unreadable ?? 0),
    },
    allowedAlarms,
    threshold: fitted.threshold,
    shrinkage: fitted.normal.shrinkage,
    falseAlarms: alarms(normalScores),
    judgedOn: tested.normal === null ? 'left-out' : 'test',
    detected: anomalous === null ? null : alarms(anomalous),
    auroc,
    verdict,
    artifact: await placeArtifact(options, model, card, verdict),
    seconds: Math.round(performance.now() - startedMs) / 1000,
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

interface TestFolders {
  readonly normal: string | null;
  readonly anomalous: string | null;
}

/** Where the captures to learn from lie: a folder called `anomalous` is not normal, and judges where no test was given. */
async function normalAndOthers({ data, note }: AdaptOptions): Promise<{ readonly normal: string; readonly test: TestFolders | null }> {
  const entries = await readdir(data, { withFileTypes: true }).catch(() => []);
  const find = (kind: Normality) => entries.find((entry) => entry.isDirectory() && distance.target(entry.name) === kind)?.name;
  const [normal, anomalous] = [find('normal'), find('anomalous')];
  if (anomalous === undefined) return { normal: data, test: null };
  if (normal === undefined)
    throw new WhetError('data-unusable', `'${data}' has a folder '${anomalous}' and none called 'normal'`, {
      hint: `Put the normal captures into '${join(data, 'normal')}': only they are learned from.`,
    });
  note?.(`Only '${normal}' is learned from; '${anomalous}' judges where no test is given.`);
  return { normal: join(data, normal), test: { normal: null, anomalous: join(data, anomalous) } };
}

/** The two folders of a test; either may be missing, not both. */
async function foldersOf(directory: string, note: AdaptOptions['note']): Promise<TestFolders> {
  const known = Object.values(normalityNames).flat();
  const filled = (await listClassFolders(directory, { known, note })).filter(({ files }) => files.length > 0);
  const folders = filled.map(({ name }) => name);
  const find = (kind: Normality) => folders.find((name) => distance.target(name) === kind);
  const [normal, anomalous] = [find('normal'), find('anomalous')];
  const other = folders.find((name) => name !== normal && name !== anomalous);
  if (other !== undefined || (normal === undefined && anomalous === undefined))
    throw new WhetError(
      'data-unusable',
      `'${directory}' has ${other === undefined ? 'no captures' : `a folder '${other}'`}; a test of anomalies has 'normal' and 'anomalous'`,
    );
  const path = (wanted: string | undefined) => filled.find(({ name }) => name === wanted)?.path ?? null;
  return { normal: path(normal), anomalous: path(anomalous) };
}

async function scored(options: AdaptOptions, task: TaskModel, bytes: Uint8Array, folder: string) {
  const files = await listCaptures(folder, []);
  const { outputs, files: readable } = await runOnCaptures(options, task.card, bytes, task.features.input.shape, files, 'the new model');
  if (readable.length === 0) throw new WhetError('data-unusable', `no capture in '${folder}' can be read`);
  return { scores: outputs, unreadable: files.length - readable.length };
}
