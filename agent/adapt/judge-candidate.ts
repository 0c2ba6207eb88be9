// Measures a candidate file as a user would run it, beside the model it came from: which judging samples each gets right, latency, size.

import { topClasses } from '../learn/evaluate.ts';
import type { Evidence } from '../learn/gate.ts';
import { classScores, openTail } from '../model/classify.ts';
import { randomInputs } from '../model/input.ts';
import { loadKnowledge } from '../model/knowledge.ts';
import { loadModel } from '../model/load.ts';
import type { Classifier } from '../model/open.ts';
import { openPart } from '../model/part.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import type { FloatTail } from '../onnx/tail.ts';
import { withWeights } from '../onnx/weights.ts';
import type { FeatureSet } from '../types.ts';
import type { LabelledFile } from './class-folders.ts';
import { type ReadOptions, readPictures } from './pictures.ts';

const timedRuns = 9;

/** The file, loaded afresh, over whole pictures. A picture that can no longer be read counts as wrong. */
export async function hitsOfFile(
  path: string,
  files: readonly LabelledFile[],
  shape: readonly number[],
  threads: number,
  options: ReadOptions & { readonly output: string },
): Promise<readonly boolean[]> {
  const { model } = loadModel(path);
  await using part = await openPart(model, { label: 'the new model', threads });
  const [input = ''] = part.session.inputNames;
  const { output } = options;
  const right = new Map<LabelledFile, boolean>();
  await readPictures(files, options, async ({ data }, file) => {
    const result = await part.session.run({ [input]: { dtype: 'float32', dims: shape, data } }, [output]);
    const scores = classScores((result[output] as Tensor).data as Float32Array);
    right.set(file, topClasses(scores, scores.length)[0] === file.label);
  });
  return files.map((file) => right.get(file) === true);
}

type LabelledRows = Pick<FeatureSet, 'features' | 'count' | 'width'> & { readonly labels: ArrayLike<number> };

/** The base model's golden features before and after, by quantized tails; null where it brings none along or its classes went. */
export async function judgeGolden(
  modelPath: string,
  classifier: Classifier,
  candidate: Model,
  threads: number,
): Promise<Evidence['golden']> {
  const { golden } = loadKnowledge(modelPath, classifier);
  if (golden === null || golden.count === 0) return null;
  const share = async (model: Model) => (await hitsOfTail(model, classifier, golden, threads)).filter(Boolean).length / golden.count;
  return { before: await share(classifier.model), after: await share(candidate), samples: golden.count };
}

/** A model of the same backbone on features: its own quantized tail. */
export async function hitsOfTail(model: Model, classifier: Classifier, set: LabelledRows, threads: number): Promise<readonly boolean[]> {
  await using tail = await openTail(model, {
    cut: classifier.cut.tensor,
    features: classifier.features,
    activation: classifier.tail.activation,
    threads,
  });
  const right: boolean[] = [];
  for (let row = 0; row < set.count; row += 1) {
    const { output } = await tail.classify(set.features.slice(row * set.width, (row + 1) * set.width));
    right.push(topClasses(output, output.length)[0] === set.labels[row]);
  }
  return right;
}

/** The float tail with new weights on features. */
export async function hitsOfFloat(
  tail: FloatTail,
  weights: ReadonlyMap<string, Tensor>,
  set: FeatureSet,
  shape: readonly number[],
  threads: number,
): Promise<readonly boolean[]> {
  await using part = await openPart(withWeights(tail, weights).model, { label: 'the float tail', threads });
  const right: boolean[] = [];
  for (let row = 0; row < set.count; row += 1) {
    const data = set.features.slice(row * set.width, (row + 1) * set.width);
    const result = await part.session.run({ [tail.input]: { dtype: 'float32', dims: shape, data } });
    const scores = (result[tail.output] as Tensor).data as Float32Array;
    right.push(topClasses(scores, scores.length)[0] === set.labels[row]);
  }
  return right;
}

/**
 * Fastest time of one sample through each model: other programs can only add to it. The two take turns, so that a busy moment meets both.
 */
export async function compareLatency(
  before: Model,
  after: Model,
  shape: readonly number[],
  threads: number,
): Promise<{ readonly before: number; readonly after: number }> {
  const [sample] = randomInputs(shape, 1) as readonly [Tensor];
  await using old = await openPart(before, { label: 'the model', threads });
  await using young = await openPart(after, { label: 'the new model', threads });
  const times = { old: [] as number[], young: [] as number[] };
  for (let run = 0; run <= timedRuns; run += 1) {
    for (const [name, part] of [
      ['old', old],
      ['young', young],
    ] as const) {
      const start = performance.now();
      await part.session.run({ [part.session.inputNames[0] ?? '']: sample });
      // The first run allocates.
      if (run > 0) times[name].push(performance.now() - start);
    }
  }
  return { before: Math.min(...times.old), after: Math.min(...times.young) };
}
