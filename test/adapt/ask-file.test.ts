// The written file asked about captures: by its tail where that stands for the file, else as a whole.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { askFile, sampleOf } from '../../agent/adapt/ask-file.ts';
import { labelFiles, listClassFolders } from '../../agent/adapt/class-folders.ts';
import { type EmbeddedFiles, embedFiles } from '../../agent/adapt/pictures.ts';
import { classesOfTail, openQuantizedTail } from '../../agent/candidate/evidence.ts';
import { loadCard } from '../../agent/config/card.ts';
import { createEmbedder } from '../../agent/model/embed.ts';
import { loadModel } from '../../agent/model/load.ts';
import { type Classifier, openClassifier } from '../../agent/model/open.ts';
import { hasSameBackbone } from '../../agent/model/same-backbone.ts';
import { writeBack } from '../../agent/model/write-back.ts';
import { decodeModel } from '../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Model, Tensor } from '../../agent/onnx/ir.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { forms, modelOf } from '../forms.ts';
import { labels, openWorkplace } from './workplace.ts';

const work = openWorkplace();
let classifier: Classifier;
let captures: EmbeddedFiles;
let read: Parameters<typeof askFile>[4];
let looked = 0;
const count = () => {
  looked += 1;
};

beforeAll(async () => {
  classifier = await openClassifier(loadModel(work.model).model, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
  const { input } = await loadCard(join(work.shared, 'base.json'));
  read = { input, what: 'the new model', progress: () => count() };
  await using embedder = await createEmbedder(classifier, createRuntime());
  const files = labelFiles(await listClassFolders(work.train), labels);
  captures = await embedFiles(files, embedder, classifier.features.width, { input, what: 'features' });
});

/** The model with the values of some tensors changed. */
function changed(model: Model, which: (name: string) => boolean): Model {
  const negated = ({ data, ...rest }: Tensor) => ({ ...rest, data: (data as Int8Array).map((value) => -value) }) as Tensor;
  const initializers = new Map([...model.graph.initializers].map(([name, tensor]) => [name, which(name) ? negated(tensor) : tensor]));
  return { ...model, graph: { ...model.graph, initializers } };
}

async function ask(stands: Model, tailOf: Model) {
  const path = join(work.place, 'asked.onnx');
  writeFileSync(path, encodeModel(stands));
  const notes: string[] = [];
  looked = 0;
  await using tail = await openQuantizedTail(tailOf, classifier, createRuntime());
  const file = { path, model: stands, tail, note: (sentence: string) => void notes.push(sentence) };
  const rows = Array.from({ length: captures.set.count }, (_, row) => row);
  const asked = await askFile(file, [captures], classifier, createRuntime(), read);
  const said = await asked(captures.set, rows);
  return { said, notes, looked, byTail: await classesOfTail(tail, captures.set, rows) };
}

const inTail = (name: string) => classifier.tailQuantized.graph.initializers.has(name);

describe('a file is asked', () => {
  it('by its tail on the features at hand, and as a whole on a sample', async () => {
    const { model } = classifier;
    const { said, notes, looked, byTail } = await ask(model, model);
    expect({ said, notes, looked }).toEqual({ said: byTail, notes: [], looked: 8 });
    expect(new Set(said).size).toBeGreaterThan(1);
  });

  it('as a whole about every capture where the tail names other classes, and says so', async () => {
    const { model } = classifier;
    const weights = [...model.graph.initializers].filter(([name, { dtype }]) => inTail(name) && (dtype === 'int8' || dtype === 'uint8'));
    const other = changed(model, (name) => weights.some(([weight, { dims }]) => weight === name && dims.length > 1));
    const straight = await ask(model, model);
    const { said, notes, looked, byTail } = await ask(model, other);
    expect(byTail).not.toEqual(straight.said);
    expect(said).toEqual(straight.said);
    expect(looked).toBe(8 + captures.set.count);
    expect(notes).toEqual([expect.stringMatching(/name different classes on \d of 8 captures/)]);
  });

  it('as a whole where its backbone is not the one that made the features', async () => {
    const { model } = classifier;
    const other = changed(model, (name) => !inTail(name) && model.graph.initializers.get(name)!.dims.length > 1);
    const { said, looked, byTail } = await ask(other, other);
    expect(looked).toBe(captures.set.count);
    expect(said).not.toEqual(byTail);
  });
});

it('takes a sample from every class', () => {
  const labels = Int32Array.from({ length: 1000 }, (_, row) => (row < 900 ? 0 : 1 + (row % 4)));
  const rows = sampleOf({ count: 1000, labels });
  expect(new Set(rows.map((row) => labels[row])).size).toBeGreaterThan(1);
  expect(rows).toHaveLength(10);
  expect(new Set(rows).size).toBe(10);
  expect(sampleOf({ count: 3, labels: Int32Array.of(0, 1, 2) })).toEqual([0, 1, 2]);
  expect(sampleOf({ count: 10_000, labels: new Int32Array(10_000) })).toHaveLength(32);
});

it.each(forms([13], ['conv']))('a file with trained weights has the backbone of its base to the bit: $title', async (form) => {
  const model = await modelOf(form);
  const opened = await openClassifier(model, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
  const { tail, features } = opened;
  const trained = new Map(tail.parameters.map(({ name }) => [name, scaled(tail.model.graph.initializers.get(name)!, 1.7)]));
  const samples = { features: new Float32Array(2 * features.width).fill(3), count: 2, ...features };
  const written = await writeBack(model, tail, trained, samples, { runtime: createRuntime(), fixedScales: false, isAware: false });
  expect(encodeModel(written)).not.toEqual(encodeModel(model));
  expect(hasSameBackbone(decodeModel(encodeModel(written)), opened)).toBe(true);
  const inBackbone = [...model.graph.initializers].find(
    ([name, { dims }]) => !opened.tailQuantized.graph.initializers.has(name) && dims.length > 1,
  );
  expect(
    hasSameBackbone(
      changed(model, (name) => name === inBackbone?.[0]),
      opened,
    ),
  ).toBe(false);
});

const scaled = (tensor: Tensor, by: number): Tensor => ({ ...tensor, data: (tensor.data as Float32Array).map((value) => value * by) });
