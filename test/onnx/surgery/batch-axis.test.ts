// Where the batch is around recurrent layers, in graphs as PyTorch exports them, and that no cut lies where it is not first.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeModel } from '../../../agent/onnx/codec/decode.ts';
import { sorted } from '../../../agent/onnx/graph.ts';
import type { Model } from '../../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../../agent/onnx/made/build.ts';
import { batchAxes } from '../../../agent/onnx/surgery/batch-axis.ts';
import { findCut } from '../../../agent/onnx/surgery/cut.ts';

const exported = (name: string) => decodeModel(readFileSync(new URL(`../../autodiff/exported/${name}.onnx`, import.meta.url)));

const outputsOf = (model: Model, op: string) => model.graph.nodes.filter((node) => node.op === op).map((node) => node.outputs[0] as string);

describe('the axis of the batch', () => {
  it.each([
    ['lstm', 'LSTM', 'Squeeze'],
    ['lstm-both', 'LSTM', null],
    ['gru', 'GRU', null],
    ['rnn', 'RNN', 'Squeeze'],
    ['lstm-fixed', 'LSTM', 'Squeeze'],
  ])('%s: first at the ends, third behind the recurrent layer', (name, op, squeeze) => {
    const model = exported(name);
    const axes = batchAxes(model.graph);
    for (const output of outputsOf(model, op)) expect(axes.get(output)).toBe(2);
    if (squeeze !== null) for (const output of outputsOf(model, squeeze)) expect(axes.get(output)).toBe(1);
    for (const output of [...outputsOf(model, 'Gemm'), model.graph.outputs[0]?.name ?? '']) expect(axes.get(output)).toBe(0);
  });

  it('is first everywhere in a model without such layers', () => {
    const axes = batchAxes(exported('upsampling').graph);
    expect(new Set([...axes.values()])).toEqual(new Set([0]));
  });
});

describe('a cut and recurrent layers', () => {
  it('lies before the layer or behind it, never inside', () => {
    const model = exported('lstm');
    const [first, second] = sorted(model.graph).filter((node) => node.op === 'LSTM');
    const last = findCut(model, { kind: 'layers', layers: 1 });
    expect(last.layers.map(({ node }) => node.op)).toEqual(['Gemm']);
    // Between the two layers time comes first, so both are trained.
    const deeper = findCut(model, { kind: 'layers', layers: 2 });
    expect(deeper.layers.map(({ node }) => node.outputs[0])).toEqual([
      last.layers[0]?.node.outputs[0],
      second?.outputs[0],
      first?.outputs[0],
    ]);
    expect(deeper.note).toMatch(/inside a recurrent layer/);
    expect(deeper.tensor).toBe('x');
  });

  it('is refused by name where a tensor inside is asked for', () => {
    const model = exported('lstm');
    const [between] = outputsOf(model, 'Squeeze');
    const cut = () => findCut(model, { kind: 'tensor', tensor: between as string });
    expect(cut).toThrow(
      expect.objectContaining({ code: 'cut-impossible', message: expect.stringMatching(/inside a recurrent layer: its batch is axis 1/) }),
    );
  });

  it('is refused by name within the body of a loop', () => {
    const body = graph('step', {
      inputs: [value('count', [], 'int64'), value('going', [], 'bool'), value('h', ['n', 2])],
      outputs: [value('still', [], 'bool'), value('next', ['n', 2])],
      nodes: [node('Identity', ['going'], ['still']), node('MatMul', ['h', 'r'], ['next'])],
    });
    const whole = graph('loop', {
      inputs: [value('x', ['n', 2])],
      outputs: [value('y', ['n', 3])],
      nodes: [node('Loop', ['steps', '', 'x'], ['z'], { body }, { name: 'the loop' }), node('MatMul', ['z', 'w'], ['y'])],
      initializers: [
        ['steps', ints([3], [])],
        ['r', floats([2, 2], 0.5)],
        ['w', floats([2, 3], 1)],
      ],
    });
    const cut = () => findCut(model(whole), { kind: 'tensor', tensor: 'next' });
    expect(cut).toThrow(
      expect.objectContaining({ code: 'cut-impossible', message: expect.stringMatching(/inside the body of Loop 'the loop'/) }),
    );
  });
});
