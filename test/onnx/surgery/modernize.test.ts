// Old semantics against new: the float tail must compute what the runtime computes for the model as it was written.

import { describe, expect, it } from 'vitest';
import { openPart } from '../../../agent/model/part.ts';
import { dequantizeTail } from '../../../agent/onnx/forms/dequantize.ts';
import type { Model, Tensor } from '../../../agent/onnx/ir.ts';
import { floats, graph, ints, node, value } from '../../../agent/onnx/made/build.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { noise } from '../../models.ts';
import { old, oldModels, ones } from './old-models.ts';

async function run(whole: Model, x: Tensor): Promise<Tensor> {
  await using part = await openPart(createRuntime(), whole, { label: 'model' });
  return (await part.session.run({ x })).y as Tensor;
}

describe('old operator semantics', () => {
  it.each(oldModels)('%s', async (_what, whole) => {
    const dims = whole.graph.inputs[0]?.shape as readonly number[];
    const x = floats(
      dims,
      noise(
        dims.reduce((a, b) => a * b, 1),
        5,
      ),
    );
    const tail = dequantizeTail(whole);
    expect(tail.model.opsets.get('')).toBeGreaterThanOrEqual(17);
    const [a, b] = [await run(whole, x), await run(tail.model, x)];
    expect(b.dims).toEqual(a.dims);
    const digits = whole.graph.nodes.some((each) => each.attributes.to?.value === 10) ? 2 : 6;
    for (const [at, number] of (b.data as Float32Array).entries())
      expect(number).toBeCloseTo((a.data as Float32Array)[at] as number, digits);
  });

  it.each([
    ['-1 behind it', [1, -1], [5, 6]],
    ['all fixed', [1, 6], [5, 6]],
    ['split in two', [1, 2, 3], [5, 2, 3]],
  ])('a Reshape with a batch of 1 written into it takes any batch (%s)', async (_what, shape, wanted) => {
    const whole = old(13, [1, 6], [node('Reshape', ['x', 'shape'], ['y'])], [['shape', ints(shape)]]);
    const { model: free } = dequantizeTail({ ...whole, graph: { ...whole.graph, inputs: [value('x', ['batch', 6])] } });
    expect((await run(free, floats([5, 6], noise(30, 3)))).dims).toEqual(wanted);
  });

  it.each([
    ['BatchNormalization', 14, { training_mode: 1 }, /it normalizes by the batch \(training_mode = 1\)/],
    ['ParametricSoftplus', 7, {}, /opset 17 has no such operator/],
    ['Scan', 8, {}, /it scans as opset 8 did/],
  ] as const)('refuses %s of opset %i whose meaning no newer opset has, by name', (op, opset, attributes, message) => {
    const each = node(op, ['x', 'a', 'a', 'a', 'a'], ['y'], attributes, { name: 'the old one' });
    const whole = old(opset, [2, 3], [each], [['a', ones(3)]]);
    expect(() => dequantizeTail(whole)).toThrow(
      expect.objectContaining({ code: 'operator-unsupported', message: expect.stringContaining(`${op} 'the old one'`) }),
    );
    expect(() => dequantizeTail(whole)).toThrow(message);
  });

  it('refuses a Dropout of opset 11 whose mask is read, and what holds a graph of its own, by name', () => {
    const dropout = node('Dropout', ['x'], ['d', 'm'], {}, { name: 'drop' });
    expect(() => dequantizeTail(old(11, [2, 3], [dropout, node('Add', ['d', 'm'], ['y'])]))).toThrow(
      /Dropout 'drop' in the tail: its mask is read/,
    );
    const body = {
      kind: 'graph',
      value: graph('body', { inputs: [], outputs: [value('z', null)], nodes: [node('Neg', ['x'], ['z'])] }),
    } as const;
    const loop = node('Loop', ['n', 'go', 'x'], ['y'], { body }, { name: 'round' });
    const whole = old(11, [2, 3], [loop], [['n', ints([2])]]);
    expect(() => dequantizeTail(whole)).toThrow(/Loop 'round' in the tail: it holds a graph of its own/);
  });

  it('a Reshape that says what 0 means is left as it is', async () => {
    const whole = old(14, [0, 3, 4], [node('Reshape', ['x', 's'], ['y'], { allowzero: 1 })], [['s', ints([3, 4, 0])]]);
    expect((await run(dequantizeTail(whole).model, floats([0, 3, 4], []))).dims).toEqual([3, 4, 0]);
  });

  it('windows that were joined with the batch take any batch', async () => {
    const shapes = [
      ['windows', ints([4, 2, 3])],
      ['flat', ints([4, -1])],
    ] as const;
    const nodes = [node('Reshape', ['x', 'windows'], ['w']), node('Relu', ['w'], ['r']), node('Reshape', ['r', 'flat'], ['y'])];
    const whole = old(13, [1, 4, 6], nodes, shapes);
    const { model: free } = dequantizeTail({ ...whole, graph: { ...whole.graph, inputs: [value('x', ['batch', 4, 6])] } });
    expect((await run(free, floats([3, 4, 6], noise(72, 3)))).dims).toEqual([12, 6]);
  });

  it('refuses the broadcasting of opset 6, naming the node', () => {
    const whole = old(7, [2, 3], [node('Add', ['x', 'b'], ['y'], { broadcast: 1, axis: 1 }, { name: 'old add' })], [['b', ones(3)]]);
    expect(() => dequantizeTail(whole)).toThrow(/Add 'old add' in the tail: it uses the broadcasting of opset 6/);
  });
});
