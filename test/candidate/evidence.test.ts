// The written file beside the float tail, and what is made of rows that were judged.

import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import {
  type Asked,
  boundByFile,
  classesLeftOut,
  classesOfTail,
  compareWithFloat,
  confusionOf,
  type Evidence,
  openQuantizedTail,
  scoresOf,
  unmeasuredClasses,
} from '../../agent/candidate/evidence.ts';
import { compareCost, compareLatency, isSameWork } from '../../agent/candidate/latency.ts';
import { lookAt, noLooks } from '../../agent/candidate/looks.ts';
import { loadKnowledge } from '../../agent/model/knowledge.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { requantize } from '../../agent/onnx/forms/requantize.ts';
import { withClasses } from '../../agent/onnx/surgery/classes.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const path = fileURLToPath(new URL('../../models/objects/model.onnx', import.meta.url));

it('says on how many rows the written file does what the float tail does, and what that costs', async () => {
  const classifier = await openClassifier(loadModel(path).model, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
  const golden = loadKnowledge(path, classifier).golden!;
  const set = { ...golden, groups: Int32Array.from(golden.labels.keys()) };
  await using tail = await openQuantizedTail(classifier.model, classifier, createRuntime());
  const options = { shape: classifier.features.shape, runtime: createRuntime() };
  const file: Asked = (rows, taken) => classesOfTail(tail, rows, taken);
  const own = await compareWithFloat(file, { tail: classifier.tail, weights: new Map() }, set, options);
  expect(own!.share).toBeGreaterThan(0.95);
  const { parameters, model } = classifier.tail;
  const negated = new Map(
    parameters
      .map(({ name }) => [name, model.graph.initializers.get(name)!] as const)
      .map(([name, tensor]) => [name, { ...tensor, data: (tensor.data as Float32Array).map((value) => -value) }]),
  );
  const other = await compareWithFloat(file, { tail: classifier.tail, weights: negated }, set, options);
  expect(other!.share).toBeLessThan(0.2);
  expect(other!.won).toBeGreaterThan(100);
});

it('takes left-out predictions of every row, and of a part of them, alike', () => {
  const train = { features: new Float32Array(3), count: 3, width: 1, labels: Int32Array.of(0, 1, 1), groups: Int32Array.of(0, 1, 2) };
  const fit = { weights: new Map(), details: {} };
  expect([...classesLeftOut({ ...fit, crossValidated: Float32Array.of(1, 0, 0, 1, 1, 0) }, train)]).toEqual([
    [0, 0],
    [1, 1],
    [2, 0],
  ]);
  // Row 4 is a copy of a capture as it might have been.
  const heldOut = { rows: [2, 4], logits: Float32Array.of(0, 1, 1, 0) };
  expect([...classesLeftOut({ ...fit, crossValidated: null, heldOut }, train)]).toEqual([[2, 1]]);
});

it('counts a right left-out prediction only where the file that ships is right too', () => {
  //                    both right, the file wrong, the tail wrong, both wrong, the file not asked
  expect(boundByFile([0, 0, 1, 2, 0], [0, 1, 0, 1, -1], [0, 0, 0, 0, 0])).toEqual([0, 1, 1, 2, 0]);
});

it('counts what is right, confused and not measured', () => {
  const row = (is: number, candidate: number, current: number | null) => ({ row: 0, group: 0, is, candidate, current });
  const evidence: Evidence = {
    classes: ['a', 'b', 'c'],
    by: 'test',
    rows: [row(0, 0, 1), row(0, 1, 0), row(1, -1, 1)],
    agreement: null,
    unmeasured: [],
  };
  expect(scoresOf(evidence)).toMatchObject({ before: { value: 2 / 3 }, after: { value: 1 / 3, samples: 3 } });
  expect(confusionOf(evidence)).toEqual([
    [1, 1, 0],
    [0, 0, 0],
    [0, 0, 0],
  ]);
  expect(unmeasuredClasses(evidence.classes, evidence.rows)).toEqual(['c']);
  expect(confusionOf({ ...evidence, rows: [] })).toBeNull();
});

it('times nothing where both models do the same work', async () => {
  const { model } = loadModel(path);
  const values = new Map(
    [...model.graph.initializers].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() as typeof tensor.data }]),
  );
  expect(isSameWork(model, { ...model, graph: { ...model.graph, initializers: values } })).toBe(true);
  const classifier = await openClassifier(model, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
  const wider = withClasses(
    classifier.tail,
    Array.from({ length: 11 }, (_, label) => (label < 10 ? label : null)),
  );
  expect(isSameWork(classifier.tail.model, wider.model)).toBe(false);
  const same = { ...model, graph: { ...model.graph, initializers: values } };
  expect(await compareCost(classifier, model, same, { runtime: createRuntime(), limit: 1.5 })).toBeNull();
});

it('times both sides of the cut where the work differs: the backbone once, the tails in turns', async () => {
  const { model } = loadModel(path);
  const classifier = await openClassifier(model, { cut: { kind: 'layers', layers: 1 }, runtime: createRuntime() });
  const wide = Array.from({ length: 1000 }, (_, label) => (label < 10 ? label : null));
  const wider = requantize(model, withClasses(classifier.tail, wide), new Map(), { ranges: new Map() });
  const { before, after } = (await compareCost(classifier, model, wider, { runtime: createRuntime(), limit: 1.5 }))!;
  // The backbone is most of either side.
  const tail = await compareLatency(classifier.tailQuantized, classifier.tailQuantized, classifier.features.shape, createRuntime());
  expect(before).toBeGreaterThan(2 * tail.before);
  expect(after).toBeGreaterThan(2 * tail.before);
});

it('counts a look only where something else is asked', () => {
  const first = lookAt(noLooks, 'a');
  expect(lookAt(first, 'a')).toEqual(first);
  expect(lookAt(first, 'b')).toEqual({ looks: 2, asked: 'b' });
});
