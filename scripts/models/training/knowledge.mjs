// What a shipped model brings along: `statistics.safetensors` over what it learned from, and `golden.safetensors`: features and labels
// of samples that it did not learn from, with a few whole samples and the outputs that the model gives for them.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gatherStatistics, oneHot } from '../../../agent/learn/ridge/gather.ts';
import { createEmbedder } from '../../../agent/model/embed.ts';
import { openClassifier } from '../../../agent/model/open.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { encodeSafeTensors } from '../../../agent/onnx/codec/safetensors.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { openSession } from '../../../agent/runtime/session.ts';

const float = (dims, data) => ({ dtype: 'float32', dims, data });

/** `learned` and `golden` are samples as `fit` takes them; every `stride`-th of `golden` becomes a row, every `shown`-th of those is kept whole under
 * the name `inputs`. */
export async function writeKnowledge(out, model, { learned, golden, classes, stride, shown, inputs = 'windows' }) {
  const classifier = await openClassifier(model, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
  await using embedder = await createEmbedder(classifier, createRuntime());
  const { width } = classifier.features;
  const sampleOf = (samples, row) => {
    const data = new Float32Array(samples.width);
    samples.read(row, data);
    return data;
  };
  const featuresOf = async (samples, rows) => {
    const features = new Float32Array(rows.length * width);
    for (const [at, row] of rows.entries()) features.set(await embedder.embed(sampleOf(samples, row)), at * width);
    return { features, count: rows.length, width, labels: Int32Array.from(rows, (row) => samples.labels[row]) };
  };
  const every = (count, step) => Array.from({ length: Math.floor(count / step) }, (_, at) => at * step);
  const known = await featuresOf(learned, every(learned.labels.length, 1));
  const statistics = await gatherStatistics(known, oneHot(known.labels, classes), classes, createRuntime());
  const rows = every(golden.labels.length, stride);
  const judged = await featuresOf(golden, rows);
  const shownRows = every(rows.length, shown).map((at) => rows[at]);
  await using session = await openSession(encodeModel(model), { label: 'the model' });
  const [, ...shape] = classifier.input.shape;
  const wholes = new Float32Array(shownRows.length * golden.width);
  for (const [at, row] of shownRows.entries()) wholes.set(sampleOf(golden, row), at * golden.width);
  const input = float([shownRows.length, ...shape], wholes);
  const outputs = (await session.run({ [classifier.input.name]: input }))[model.graph.outputs[0].name];
  writeAlong(out, classifier, { statistics, golden: judged, more: { [inputs]: input, outputs } });
}

/**
 * Writes the two files for a cut model: `statistics` as gatherStatistics gives them, `golden` rows {features, count, width, labels}, and `more`
 * tensors by name beside these.
 */
export function writeAlong(out, classifier, { statistics, golden, more = {} }) {
  const about = { backbone: classifier.backboneHash, cut: classifier.cut.tensor };
  const side = golden.width + 1;
  const write = (name, tensors, metadata) =>
    writeFileSync(join(out, `${name}.safetensors`), encodeSafeTensors({ tensors: new Map(Object.entries(tensors)), metadata }));
  write(
    'statistics',
    {
      gram: float([side, side], statistics.gram),
      moment: float([side, statistics.moment.length / side], statistics.moment),
      ...(statistics.shift === undefined ? {} : { shift: float([golden.width], statistics.shift) }),
    },
    { ...about, weight: String(statistics.weight) },
  );
  write(
    'golden',
    {
      features: float([golden.count, golden.width], golden.features),
      labels: { dtype: 'int32', dims: [golden.count], data: golden.labels },
      ...more,
    },
    about,
  );
}
