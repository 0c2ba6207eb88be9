// A model of one score, as wake words and yes/no cameras are, through `adapt` from end to end: vectors in, the written file run again.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adapt } from '../../agent/adapt.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openPart } from '../../agent/model/part.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, model, node, value } from '../../agent/onnx/made/build.ts';
import { randomOf } from '../../agent/random.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';

const place = mkdtempSync(join(tmpdir(), 'whet-score-'));
afterAll(() => rmSync(place, { recursive: true }));
const random = randomOf(11);
const width = 8;

/** Eight numbers pass as they are; the score looks at the first one, while yes and no differ in the second. */
const hidden = Array.from({ length: width * width }, (_, at) => (at % (width + 1) === 0 ? 1 : 0));
const nodes = [
  node('Gemm', ['x', 'w0', 'b0'], ['h']),
  node('Gemm', ['h', 'w', 'b'], ['z'], { transB: 1 }),
  node('Sigmoid', ['z'], ['score']),
  node('ReduceSum', ['h'], ['sum'], { keepdims: 1 }),
];
const base = model(
  graph('wake', {
    inputs: [value('x', ['batch', width])],
    outputs: [value('sum', ['batch', 1]), value('score', ['batch', 1])],
    nodes,
    initializers: [
      ['w0', floats([width, width], hidden)],
      ['b0', floats([width], 0)],
      ['w', floats([1, width], [2, 0.1, 0, 0, 0, 0, 0, 0])],
      ['b', floats([1], [0.2])],
    ],
  }),
);
const file = join(place, 'wake.onnx');
writeFileSync(file, encodeModel(base));
writeFileSync(join(place, 'wake.json'), JSON.stringify({ name: 'wake', input: { kind: 'vector', values: width }, labels: ['jarvis'] }));

function draw(folder: string, count: number): string {
  for (const [name, sign] of [
    ['not jarvis', -1],
    ['jarvis', 1],
  ] as const) {
    mkdirSync(join(place, folder, name), { recursive: true });
    for (let at = 0; at < count; at += 1) {
      const numbers = Array.from({ length: width }, (_, index) => (index === 1 ? sign * (0.5 + random()) : 2 * random() - 1));
      writeFileSync(join(place, folder, name, `${at}.csv`), numbers.join(','));
    }
  }
  return join(place, folder);
}

async function shareRight(path: string, data: string, count: number): Promise<number> {
  await using part = await openPart(createRuntime(), loadModel(path).model, { label: 'model' });
  let right = 0;
  for (const [name, isYes] of [
    ['not jarvis', false],
    ['jarvis', true],
  ] as const) {
    for (let at = 0; at < count; at += 1) {
      const numbers = readFileSync(join(data, name, `${at}.csv`), 'utf8')
        .split(',')
        .map(Number);
      const { score } = await part.session.run({ x: floats([1, width], numbers) });
      if (((score as Tensor).data as Float32Array)[0]! > 0.5 === isYes) right += 1;
    }
  }
  return right / (2 * count);
}

describe('a model of one score', () => {
  const data = draw('train', 30);
  const test = draw('test', 30);
  const options = {
    model: file,
    data,
    test,
    output: 'score',
    cut: { kind: 'layers', layers: 1 },
    runtime: createRuntime(),
    seed: 1,
    force: false,
  } as const;

  for (const learner of ['closed-form', 'gradient'] as const) {
    it(`is two classes, learned by ${learner}, and gives one score again, beside its other output`, async () => {
      const out = join(place, `${learner}.onnx`);
      const report = await adapt({ ...options, out, learner, classes: 'keep' });
      expect(report).toMatchObject({ classes: ['not jarvis', 'jarvis'], learner, verdict: { kind: 'accepted' } });
      expect(await shareRight(file, test, 30)).toBeLessThan(0.75);
      const right = await shareRight(out, test, 30);
      expect(right).toBeGreaterThanOrEqual(0.95);
      expect(report.after.accuracy).toBeCloseTo(right, 6);
      expect(loadModel(out).model.graph.outputs).toEqual(base.graph.outputs);
    });
  }

  it('may be replaced by two classes of one’s own, and by no more', async () => {
    const replaced = await adapt({ ...options, out: join(place, 'mine.onnx'), learner: 'closed-form', classes: 'replace' });
    expect(replaced).toMatchObject({ classes: ['jarvis', 'not jarvis'], verdict: { kind: 'accepted' } });
    mkdirSync(join(place, 'three', 'third'), { recursive: true });
    for (const name of ['jarvis', 'not jarvis', 'third']) {
      mkdirSync(join(place, 'three', name), { recursive: true });
      writeFileSync(join(place, 'three', name, '0.csv'), Array(width).fill(1).join(','));
    }
    const { test: _test, ...rest } = options;
    const three = {
      ...rest,
      data: join(place, 'three'),
      out: join(place, 'three.onnx'),
      learner: 'closed-form',
      classes: 'extend',
    } as const;
    await expect(adapt(three)).rejects.toMatchObject({
      code: 'model-unsupported',
      message: expect.stringContaining('two classes and not 3'),
    });
  });
});
