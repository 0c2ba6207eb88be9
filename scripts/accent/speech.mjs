// Speakers as features of a model: recordings of a folder, pushed through the product's own preprocessing and backbone when they are first
// asked for. Also the ways to judge a tail on them. Refuses a folder without speakers that the model has not heard.

import { readFileSync } from 'node:fs';
import { hitsOfTail } from '../../agent/adapt/judge-candidate.ts';
import { requireCard } from '../../agent/config/card.ts';
import { topClasses } from '../../agent/learn/evaluate.ts';
import { createEmbedder } from '../../agent/model/embed.ts';
import { loadKnowledge } from '../../agent/model/knowledge.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { openPart } from '../../agent/model/part.ts';
import { measureRanges } from '../../agent/model/ranges.ts';
import { requantize } from '../../agent/onnx/forms/requantize.ts';
import { withWeights } from '../../agent/onnx/weights.ts';
import { drawViews, inputShape, preprocessCapture } from '../../agent/preprocess/capture-input.ts';
import { randomOf, shuffled } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { readRecordings } from '../models/speech/recordings.mjs';
import { encodeSound, noisy } from './sounds.mjs';

export const viewCount = 10;

/** `known` are the speakers that the model has heard. */
export async function openSpeech({ model: path, data, known, layers = 1, runtime = createRuntime() }) {
  const { model } = loadModel(path);
  const { card } = await requireCard(path);
  const classifier = await openClassifier(model, { cut: { kind: 'layers', layers }, runtime, inputShape: inputShape(card.input) });
  const embedder = await createEmbedder(classifier, runtime);
  const recordings = readRecordings(data);
  const speakers = [...new Set(recordings.map(({ speaker }) => speaker))].filter((speaker) => !known.includes(speaker));
  if (speakers.length === 0) throw new Error(`${data} has no speaker besides ${known}`);
  const seen = new Map();
  const once = async (key, make) => {
    if (!seen.has(key)) seen.set(key, await make());
    return seen.get(key);
  };
  /** Features of a recording as it is, or in noise of so many dB below it. */
  const plain = (recording, noiseDb = null) =>
    once(`${recording.path} ${noiseDb}`, async () => {
      const bytes = noiseDb === null ? readFileSync(recording.path) : encodeSound(noisy(recording, noiseDb));
      return embedder.embed((await preprocessCapture(bytes, card.input)).data);
    });
  const view = (recording, noiseDb = null) =>
    once(`${recording.path} ${noiseDb} views`, async () => {
      const bytes = noiseDb === null ? readFileSync(recording.path) : encodeSound(noisy(recording, noiseDb));
      const features = [];
      for (const data of await drawViews(bytes, card.input, viewCount)) features.push(await embedder.embed(data));
      return features;
    });
  const { width } = classifier.features;
  const setOf = (rows, list, labels) => {
    const features = new Float32Array(rows.length * width);
    for (const [row, each] of rows.entries()) features.set(each, row * width);
    const groups = Int32Array.from(list, ({ digit, index }) => digit * 1000 + index);
    return { features, count: rows.length, width, labels: Int32Array.from(labels ?? list.map(({ digit }) => digit)), groups };
  };
  const of = (list, noiseDb) => Promise.all(list.map((recording) => plain(recording, noiseDb)));
  return {
    path,
    classifier,
    speakers,
    known,
    classes: card.labels.length,
    knowledge: loadKnowledge(path, classifier),
    test: (speaker) => recordings.filter((each) => each.speaker === speaker && each.isTest),
    pool: (speaker) => recordings.filter((each) => each.speaker === speaker && !each.isTest),
    /** So many recordings of each digit, drawn. */
    draw(speaker, count, seed) {
      const random = randomOf(seed * 7919 + count);
      return Array.from({ length: 10 }, (_, digit) =>
        shuffled(
          recordings.filter((each) => each.speaker === speaker && !each.isTest && each.digit === digit),
          random,
        ).slice(0, count),
      ).flat();
    },
    /** `labels` replace the true ones. */
    async features(list, { labels, noiseDb = null } = {}) {
      return setOf(await of(list, noiseDb), list, labels);
    },
    /** One set a view, row by row the recordings of `list`. */
    async views(list, { labels, noiseDb = null } = {}) {
      const all = [];
      for (const recording of list) all.push(await view(recording, noiseDb));
      return Array.from({ length: viewCount }, (_, index) =>
        setOf(
          all.map((each) => each[index]),
          list,
          labels,
        ),
      );
    },
    close: () => embedder.close(),
  };
}

/** Which rows the float tail with these weights gets right; null: the base model's own. */
export async function hitsOf({ classifier }, weights, set) {
  const logits = await logitsOf({ classifier }, weights, set);
  return Array.from(topClasses(logits, logits.length / set.count), (guess, row) => guess === set.labels[row]);
}

/** [count, classes] of the float tail. */
export async function logitsOf({ classifier }, weights, set) {
  const { tail, features } = classifier;
  await using part = await openPart(createRuntime(), withWeights(tail, weights ?? new Map()).model, { label: 'the tail' });
  const rows = [];
  for (let row = 0; row < set.count; row += 1) {
    const data = set.features.slice(row * set.width, (row + 1) * set.width);
    const result = await part.session.run({ [tail.input]: { dtype: 'float32', dims: features.shape, data } });
    rows.push(Array.from(result[tail.output].data));
  }
  return Float32Array.from(rows.flat());
}

/** The same as the int8 file that would ship; `train` gives the ranges of what is between the layers. */
export async function hitsOfShipped({ classifier }, weights, train, set) {
  if (weights === null) return hitsOfTail(classifier.model, classifier, set, createRuntime());
  const { model, tail, features } = classifier;
  const ranges = await measureRanges(tail, weights, train, features.shape, createRuntime());
  return hitsOfTail(requantize(model, tail, weights, { ranges }), classifier, set, createRuntime());
}
