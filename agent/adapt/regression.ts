// `whet adapt --task regression`: captures with quantities in, a model that gives those quantities and an honest report out. Refuses data without
// numbers; what is not better by more than chance is not written.
import { WhetError } from '../errors.ts';
import { scoreRegression } from '../learn/regression-score.ts';
import { multiply } from '../learn/ridge/gather.ts';
import { fitRegression } from '../learn/ridge/regression.ts';
import { encodeModel } from '../onnx/codec/encode.ts';
import type { Model } from '../onnx/ir.ts';
import { withRegressionHead } from '../onnx/made/task-head.ts';
import { quantities } from '../tasks/quantities.ts';
import type { FeatureSet } from '../types.ts';
import type { LabelledFile } from './class-folders.ts';
import { outputsOnFeatures } from './on-features.ts';
import { requireWritable } from './output-file.ts';
import type { AdaptOptions } from './report.ts';
import { readTargets, type TargetFiles } from './targets.ts';
import { embedCaptures, openTaskModel, placeArtifact, proveArtifact, type TaskModel } from './task-candidate.ts';
import type { RegressionReport } from './task-report.ts';

export async function adaptRegression(options: AdaptOptions): Promise<RegressionReport> {
  const startedMs = performance.now();
  await requireWritable(options.out);
  const task = await openTaskModel(options);
  const data = await readTargets(options.data);
  const test = options.test === undefined ? null : sameTargets(data, await readTargets(options.test), options.test);
  const columns = data.targets.length;
  const embedded = await embedCaptures(options, task, data.files, 'features', true);
  const { set, views, files } = embedded;
  const targets = targetsOf(data, files);
  const repeats = 1 + views.length;
  const rows = { features: joined([set, ...views].map(({ features }) => features)), count: set.count * repeats, width: set.width };
  const fitted = await fitRegression({
    rows,
    groups: Int32Array.from({ length: rows.count }, (_, row) => set.groups[row % set.count] as number),
    targets: joined(Array.from({ length: repeats }, () => targets)),
    columns,
    seed: options.seed,
    runtime: options.runtime,
  });
  if (fitted === null)
    throw new WhetError('data-unusable', `the captures in '${options.data}' are all the same; a quantity needs different ones`);
  const backbone = { model: task.features.backbone, features: task.features.features.name, width: set.width };
  const model = withRegressionHead(backbone, fitted.weights, fitted.bias);
  const bytes = encodeModel(model);
  const learned = await multiply(
    { data: set.features, rows: set.count, inner: set.width },
    { data: fitted.weights, columns, transposed: false },
    options.runtime,
  );
  await proveArtifact(
    options,
    task,
    bytes,
    files,
    learned.map((value, at) => value + (fitted.bias[at % columns] as number)),
  );
  const judging =
    test === null
      ? { predictions: fitted.leftOut.slice(0, targets.length), targets, columns, groups: set.groups, files, set }
      : await predictionsOf(options, task, model, test, columns);
  const current = await currentPredictions(options, task, data, judging.set);
  const verdict = quantities.judge(judging, current);
  const card = { ...task.card, task: 'regression' as const, labels: [], targets: [...data.targets] };
  return {
    task: 'regression',
    targets: data.targets,
    samples: {
      train: set.count,
      test: test === null ? 0 : judging.files.length,
      unreadable: embedded.unreadable.length + (test === null ? 0 : test.files.length - judging.files.length),
    },
    judgedOn: test === null ? 'left-out' : 'test',
    lambda: fitted.lambda,
    before: current === null ? null : scoreRegression({ ...judging, predictions: current }),
    after: scoreRegression(judging),
    verdict,
    artifact: await placeArtifact(options, model, card, verdict),
    seconds: Math.round(performance.now() - startedMs) / 1000,
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

function sameTargets(data: TargetFiles, test: TargetFiles, folder: string): TargetFiles {
  const names = ({ targets }: TargetFiles) => targets.map(({ name }) => name).join(', ');
  if (names(data) === names(test)) return test;
  throw new WhetError('data-unusable', `'${folder}' has the targets ${names(test)}, and the data to learn from ${names(data)}`);
}

function targetsOf(data: TargetFiles, files: readonly LabelledFile[]): Float32Array {
  return Float32Array.from(files.flatMap(({ path }) => data.values.get(path) ?? []));
}

/** Every test capture goes through the backbone once; the new model and the old one are asked behind it. */
async function predictionsOf(options: AdaptOptions, task: TaskModel, model: Model, test: TargetFiles, columns: number) {
  const { set, files } = await embedCaptures(options, task, test.files, 'features of the test', false);
  const predictions = await outputsOnFeatures(model, task.features.features.name, set, options.runtime);
  return { predictions, targets: targetsOf(test, files), columns, groups: Int32Array.from(files.keys()), files, set };
}

/** The model as it was, where it gives the same targets already; null for a classifier. */
async function currentPredictions(
  options: AdaptOptions,
  { card, model, features }: TaskModel,
  data: TargetFiles,
  set: FeatureSet,
): Promise<Float32Array | null> {
  const isSame = card.task === 'regression' && card.targets.map(({ name }) => name).join() === data.targets.map(({ name }) => name).join();
  return isSame ? await outputsOnFeatures(model, features.features.name, set, options.runtime) : null;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
