// What a shipped model brings along: `statistics.safetensors` over recordings that it learned from, as they are and as they might have been, and
// `golden.safetensors`, features of recordings that it did not learn from. Recordings are files, or bytes, with a label.
import { readFileSync } from 'node:fs';
import { gatherStatistics, oneHot } from '../../../agent/learn/ridge/gather.ts';
import { createEmbedder } from '../../../agent/model/embed.ts';
import { openClassifier } from '../../../agent/model/open.ts';
import { drawViews, preprocessCapture } from '../../../agent/preprocess/capture-input.ts';
import { writeAlong } from '../training/knowledge.mjs';

export async function writeKnowledge(out, model, input, { taught, golden, classes, views = 2, runtime }) {
  const classifier = await openClassifier(model, { cut: { kind: 'layers', layers: 1 }, runtime });
  await using embedder = await createEmbedder(classifier, runtime);
  const rowsOf = async (files, count) => {
    const [rows, labels] = [[], []];
    for (const { path, bytes = readFileSync(path), label } of files) {
      for (const data of [(await preprocessCapture(bytes, input)).data, ...(await drawViews(bytes, input, count))]) {
        rows.push(await embedder.embed(data));
        labels.push(label);
      }
    }
    const { width } = classifier.features;
    const features = new Float32Array(rows.length * width);
    for (const [row, each] of rows.entries()) features.set(each, row * width);
    return { features, count: rows.length, width, labels: Int32Array.from(labels) };
  };
  const known = await rowsOf(taught, views);
  const statistics = await gatherStatistics(known, oneHot(known.labels, classes), classes, runtime);
  const judged = await rowsOf(golden, 0);
  writeAlong(out, classifier, { statistics, golden: judged });
  return { features: known.width, statisticsOf: known.count, golden: judged.count };
}
