// What a report says of training: the plan of its memory where the tail can be trained by gradients, and why not where it cannot; as data and
// as text.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatInspect, knownOf } from '../../agent/cli/inspect.ts';
import { proofInputs } from '../../agent/model/input.ts';
import { calibratedRange, cardContradiction, watchInputs } from '../../agent/model/input-range.ts';
import { inspect } from '../../agent/model/inspect.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Model, Node, Tensor, ValueInfo } from '../../agent/onnx/ir.ts';
import { model as build, floats, graph, node, value } from '../../agent/onnx/made/build.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { floatClassifier } from '../models.ts';

const folder = mkdtempSync(join(tmpdir(), 'whet-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function inspected(model: Model, layers: number) {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, encodeModel(model));
  return inspect(path, { cut: { kind: 'layers', layers }, samples: 1, runtime: createRuntime() });
}

describe('the memory that training takes, in a report', () => {
  it('is planned for the tail that the cut leaves', async () => {
    const model = floatClassifier({ kind: 'deep', opset: 17 });
    const [one, three] = [await inspected(model, 1), await inspected(model, 3)];
    if (one.training.kind !== 'planned' || three.training.kind !== 'planned') throw new Error('these tails can be trained');
    expect(one.training).toMatchObject({ batch: 32, samples: 1000, gradientsBytes: 4 * one.tail.parameters });
    expect(one.training.featuresBytes).toBe(2 * 4 * 1000 * one.cut.features);
    expect(three.training.activationsBytes).toBeGreaterThan(one.training.activationsBytes);
    expect(formatInspect(three)).toMatch(
      new RegExp(`^training  by gradients ${(three.training.totalBytes / 1e6).toFixed(1)} MB .* 1000 samples .* activations \\d`, 'm'),
    );
  });

  it('or the reason why there is none, naming the operator', async () => {
    const model = floatClassifier({ kind: 'mlp', opset: 17 });
    const output = model.graph.outputs[0]?.name as string;
    const nodes = [
      ...model.graph.nodes.map((each) => ({ ...each, outputs: each.outputs.map((name) => (name === output ? 'was' : name)) })),
    ];
    const odd = {
      ...model,
      graph: { ...model.graph, nodes: [...nodes, node('Hardmax', ['was'], [output], { axis: 1 }, { name: 'odd' })] },
    };
    const report = await inspected(odd, 1);
    expect(report.training).toMatchObject({ kind: 'untrainable', why: expect.stringMatching(/Hardmax/) });
    expect(formatInspect(report)).toMatch(/^training {2}not by gradients: .*Hardmax/m);
  });
});

describe('what a report says of models that people have', () => {
  const dense = (classes: number, end: readonly Node[], outputs: readonly ValueInfo[] = [value('y', ['batch', classes])], width = 6) => {
    const inputs = [value('x', ['batch', width === 6 ? 6 : 'width'])];
    const initializers = [
      ['w0', noise(6, 5)],
      ['b0', noise(5)],
      ['w', noise(5, classes)],
      ['b', noise(classes)],
    ] as const;
    const nodes = [node('Gemm', ['x', 'w0', 'b0'], ['h0']), node('Relu', ['h0'], ['h']), node('Gemm', ['h', 'w', 'b'], ['z']), ...end];
    return build(graph('g', { inputs, outputs, nodes, initializers }), { opset: 17 });
  };
  const sigmoid = node('Sigmoid', ['z'], ['y']);
  const plain = node('Identity', ['z'], ['y']);

  it('what its outputs are', async () => {
    for (const [model, answers, classes, text] of [
      [dense(3, [plain]), 'classes', 3, /3 classes/],
      [dense(1, [sigmoid]), 'one-score', 2, /one score of yes and no/],
      [dense(3, [sigmoid]), 'scores', 3, /3 scores of yes and no/],
      [dense(1, [plain]), 'quantities', null, /quantities/],
    ] as const) {
      const report = await inspected(model, 1);
      expect(report).toMatchObject({ answers, model: { classes } });
      expect(formatInspect(report)).toMatch(text);
    }
  });

  it('one of several outputs, by its name; without one it is asked for', async () => {
    const two = dense(3, [plain, node('Softmax', ['h'], ['other'])], [value('other', ['batch', 5]), value('y', ['batch', 3])]);
    const path = join(folder, 'two.onnx');
    writeFileSync(path, encodeModel(two));
    const options = { cut: { kind: 'layers', layers: 1 }, samples: 1, runtime: createRuntime() } as const;
    await expect(inspect(path, options)).rejects.toMatchObject({
      code: 'model-unsupported',
      hint: expect.stringContaining('--output other'),
    });
    await expect(inspect(path, { ...options, output: 'nothing' })).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('other, y'),
    });
    expect(await inspect(path, { ...options, output: 'y' })).toMatchObject({ model: { classes: 3, outputs: { length: 2 } } });
  });

  it('reads the card: sizes that the model leaves free, labels that must be as many as the classes', async () => {
    const path = join(folder, 'free.onnx');
    writeFileSync(path, encodeModel(dense(3, [plain], undefined, 0)));
    const options = { cut: { kind: 'layers', layers: 1 }, samples: 1, runtime: createRuntime() } as const;
    await expect(inspect(path, options)).rejects.toMatchObject({ hint: expect.stringContaining('--card') });
    const card = join(folder, 'free.json');
    const write = (labels: readonly string[]) =>
      writeFileSync(card, JSON.stringify({ name: 'free', input: { kind: 'vector', values: 6 }, labels }));
    write(['a', 'b', 'c']);
    for (const named of [card, undefined])
      expect(await inspect(path, { ...options, ...(await knownOf(path, named, () => {})) })).toMatchObject({ model: { classes: 3 } });
    write(['a', 'b']);
    await expect(inspect(path, { ...options, ...(await knownOf(path, card, () => {})) })).rejects.toMatchObject({ code: 'card-invalid' });
  });

  it('draws its inputs from the range that the model was calibrated for, and says where a card contradicts it', () => {
    const int8: readonly (readonly [string, Tensor])[] = [
      ['s', { dtype: 'float32', dims: [], data: Float32Array.of(1) }],
      ['zp', { dtype: 'uint8', dims: [], data: Uint8Array.of(0) }],
    ];
    const nodes = [node('QuantizeLinear', ['x', 's', 'zp'], ['q']), node('DequantizeLinear', ['q', 's', 'zp'], ['y'])];
    const model = build(graph('g', { inputs: [value('x', [1, 4])], outputs: [value('y', [1, 4])], nodes, initializers: int8 }), {
      opset: 13,
    });
    const input = model.graph.inputs[0] as ValueInfo;
    expect(calibratedRange(model, input)).toEqual({ min: 0, max: 255 });
    const drawn = proofInputs(model, input, [1, 1000], 1)[0]?.data as Float32Array;
    expect([Math.min(...drawn) >= 0, Math.min(...drawn) < 5, Math.max(...drawn) > 250, Math.max(...drawn) <= 255]).toEqual(
      Array(4).fill(true),
    );
    expect(cardContradiction(model, input, { min: 0, max: 1 })).toMatch(/0 to 1, but .* 0 to 255/);
    expect(cardContradiction(model, input, { min: 0, max: 255 })).toBeNull();
    expect(cardContradiction(model, input, { min: 0, max: 200 })).toBeNull();
    expect(cardContradiction(model, input, null)).toBeNull();
    const seen = (...inputs: readonly (readonly number[])[]) => {
      const watch = watchInputs(model, input)!;
      for (const values of inputs) watch.see(Float32Array.from(values));
      return watch.contradiction();
    };
    expect(seen([0, 12, 255], [100, 3, 255.5])).toBeNull();
    expect(seen([-100, 12, 255], [-100, -30, 200])).toBeNull();
    expect(seen([-100, 12, 255], [-100, -30, 300])).toMatch(/-100 to 300 .* 67 % lie outside of 0 to 255/);
    expect(seen([0.1, 0.9], [0, 1])).toMatch(/0 to 1 .* less than 5 % of 0 to 255/);
    expect(seen()).toBeNull();
    expect(watchInputs(floatClassifier({ kind: 'conv', opset: 13 }), input)).toBeNull();
  });
});

function noise(...dims: readonly number[]): Tensor {
  return floats(
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, at) => Math.sin(at + dims.length)),
  );
}
