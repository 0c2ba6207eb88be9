// The contract says of every input and output what it is, whatever the step was compiled with, and the file carries it.
import { describe, expect, it } from 'vitest';
import { contractKey, contractOf, withContract } from '../../agent/autodiff/contract.ts';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { adamW, type OptimizerOptions } from '../../agent/autodiff/optimizers.ts';
import { compileStep } from '../../agent/autodiff/step.ts';
import { decodeModel } from '../../agent/onnx/codec/decode.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { linearTail } from './training.ts';

const sgd: OptimizerOptions = { kind: 'sgd', momentum: 0.9, decay: 0.1 };
const options = { batch: 8, loss: { ...plainLoss(3), anchor: 0.1, distillation: { temperature: 2 } }, optimizer: sgd };
const tail = linearTail(4, 3, Array(12).fill(0), [0, 0, 0]);

describe('contractOf', () => {
  it('describes every input and output of the graph, in their order', () => {
    const step = compileStep(tail, options);
    const contract = contractOf(step, options);
    expect(contract.inputs.map(({ name }) => name)).toEqual(step.model.graph.inputs.map(({ name }) => name));
    expect(contract.outputs.map(({ name }) => name)).toEqual(step.model.graph.outputs.map(({ name }) => name));
    expect(contract.inputs.find(({ name }) => name === 'base/w')).toMatchObject({ role: 'data', type: 'float32', shape: [4, 3] });
    for (const { what } of [...contract.inputs, ...contract.outputs]) expect(what.length).toBeGreaterThan(10);
  });

  it('has data first and then what is carried, each fed by the output of its name: programs without JSON rely on it', () => {
    const { inputs, outputs } = contractOf(compileStep(tail, { ...options, loss: plainLoss(3), optimizer: adamW }), {
      ...options,
      optimizer: adamW,
    });
    const carried = inputs.filter(({ role }) => role !== 'data').map(({ name }) => name);
    expect(inputs.map(({ name }) => name)).toEqual(['features', 'labels', 'weights', 'order', 'rates', 'done', ...carried]);
    expect(outputs.map(({ name, feeds }) => [name, feeds])).toEqual([
      ...carried.map((name) => [name.replace('in/', 'out/'), name]),
      ['losses', null],
    ]);
  });

  it('refuses an input that it cannot describe', () => {
    const step = compileStep(tail, options);
    const [first, ...others] = step.model.graph.inputs;
    const inputs = [{ ...first, name: 'moon' } as NonNullable<typeof first>, ...others];
    const strange = { ...step, model: { ...step.model, graph: { ...step.model.graph, inputs } } };
    expect(() => contractOf(strange, options)).toThrow(/'moon'/);
  });
});

describe('withContract', () => {
  it('puts it into the metadata of the file', () => {
    const step = compileStep(tail, options);
    const contract = contractOf(step, options);
    const { metadata } = decodeModel(encodeModel(withContract(step, contract)));
    expect(JSON.parse(metadata.get(contractKey) ?? '')).toEqual(contract);
  });
});
