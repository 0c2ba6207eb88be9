import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTail } from '../../agent/model/classify.ts';
import { loadKnowledge } from '../../agent/model/knowledge.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { decodeSafeTensors, encodeSafeTensors } from '../../agent/onnx/codec/safetensors.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const shipped = fileURLToPath(new URL('../../models/objects/', import.meta.url));
const open = (path: string, layers = 1) =>
  openClassifier(loadModel(path).model, { cut: { kind: 'layers', layers }, runtime: createRuntime() });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'whet-knowledge-'));
  cpSync(shipped, folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('knowledge of the shipped model', () => {
  it('scores on its golden features what its page says of it', async () => {
    const classifier = await open(join(shipped, 'model.onnx'));
    const { golden } = loadKnowledge(join(shipped, 'model.onnx'), classifier);
    if (golden === null) throw new Error('the model ships golden features');
    const { features, tail } = classifier;
    await using runner = await openTail(classifier.model, {
      cut: classifier.cut.tensor,
      features,
      activation: tail.activation,
      runtime: createRuntime(),
    });
    let right = 0;
    for (let row = 0; row < golden.count; row += 1) {
      const { output } = await runner.classify(golden.features.slice(row * golden.width, (row + 1) * golden.width));
      if (output.indexOf(Math.max(...output)) === golden.labels[row]) right += 1;
    }
    // 0.77 on 2,000 photographs; 200 of them are within ±0.06 of that.
    expect(right / golden.count).toBeGreaterThan(0.7);
  });

  it('has statistics whose bias entry counts the samples, class by class', async () => {
    const { statistics } = loadKnowledge(join(shipped, 'model.onnx'), await open(join(shipped, 'model.onnx')));
    if (statistics === null) throw new Error('the model ships statistics');
    const { width, classes, gram, moment, weight } = statistics;
    expect(gram[(width + 1) * (width + 1) - 1]).toBeCloseTo(weight, 0);
    const counts = Array.from({ length: classes }, (_, label) => moment[width * classes + label] ?? 0);
    expect(counts).toEqual(counts.map(() => 2000));
  });
});

describe('loadKnowledge', () => {
  it('gives nothing where the files are missing', async () => {
    rmSync(join(folder, 'statistics.safetensors'));
    rmSync(join(folder, 'golden.safetensors'));
    const path = join(folder, 'model.onnx');
    expect(loadKnowledge(path, await open(path))).toEqual({ statistics: null, golden: null, lessons: 1 });
  });

  it('does not use what belongs to another cut', async () => {
    const path = join(folder, 'model.onnx');
    const file = decodeSafeTensors(readFileSync(join(folder, 'golden.safetensors')));
    writeFileSync(
      join(folder, 'golden.safetensors'),
      encodeSafeTensors({ ...file, metadata: { ...file.metadata, backbone: 'f'.repeat(64) } }),
    );
    expect(loadKnowledge(path, await open(path)).golden).toBe(null);
  });

  it('refuses files of the wrong shape, with numbers that are none, or cut short', async () => {
    const path = join(folder, 'model.onnx');
    const classifier = await open(path);
    const statistics = join(folder, 'statistics.safetensors');
    const whole = readFileSync(statistics);
    writeFileSync(statistics, whole.subarray(0, 1000));
    expect(() => loadKnowledge(path, classifier)).toThrow(expect.objectContaining({ code: 'weights-corrupt' }));
    const { tensors, metadata } = decodeSafeTensors(whole);
    const gram = tensors.get('gram');
    if (gram === undefined) throw new Error('there is a gram');
    const broken = { ...gram, data: Float32Array.from(gram.data as Float32Array, (value, at) => (at === 5 ? Number.NaN : value)) };
    writeFileSync(statistics, encodeSafeTensors({ tensors: new Map([...tensors, ['gram', broken]]), metadata }));
    expect(() => loadKnowledge(path, classifier)).toThrow(/gram of the statistics/);
  });
});
