// What can go wrong where several layers are trained, through `whet adapt` and through the trainer process: a named error that says what to do,
// and the model that was there before stays.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AdaptOptions } from '../../agent/adapt/report.ts';
import { gradientDefaults } from '../../agent/config/gradient-schema.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Model, Node, Tensor } from '../../agent/onnx/ir.ts';
import { graph, model, node, value } from '../../agent/onnx/made/build.ts';
import { floatClassifier } from '../models.ts';
import { trainingBench } from '../training/bench.ts';
import { input, labels, openWorkplace } from './workplace.ts';

const work = openWorkplace();
const float = floatClassifier({ kind: 'deep', opset: 17 });

const withNodes = (change: (node: Node) => Node): Model => ({ ...float, graph: { ...float.graph, nodes: float.graph.nodes.map(change) } });

function withWeight(name: string, change: (weight: number) => number): Model {
  const old = float.graph.initializers.get(name) as Tensor;
  const data = (old.data as Float32Array).map(change);
  return { ...float, graph: { ...float.graph, initializers: new Map(float.graph.initializers).set(name, { ...old, data }) } };
}

/** Adapts where there is an adapted model already; gives the error, and sees that the old one is as it was. */
async function failureOf(base: Model, more: Partial<AdaptOptions> = {}) {
  const [path, out] = [join(work.place, 'base.onnx'), join(work.place, 'mine.onnx')];
  writeFileSync(path, encodeModel(base));
  writeFileSync(join(work.place, 'base.json'), JSON.stringify({ name: 'base', input, labels }));
  writeFileSync(out, 'the model of yesterday');
  const error = await work.failureOf({ model: path, cut: { kind: 'layers', layers: 4 }, learner: 'gradient', force: true, ...more });
  expect(readFileSync(out, 'utf8')).toBe('the model of yesterday');
  expect(work.entries()).toEqual(['base.json', 'base.onnx', 'mine.onnx']);
  expect(error.hint ?? '').not.toBe('');
  return error;
}

describe('whet adapt of several layers', () => {
  it('names an operator that cannot be trained, and its node', async () => {
    const error = await failureOf(withNodes((each) => (each.name === 'relu5' ? { ...each, op: 'Hardmax' } : each)));
    expect(error).toMatchObject({ code: 'operator-unsupported' });
    expect(error.message).toMatch(/Hardmax.*relu5/);
  });

  it('gives up where numbers grow beyond what can be computed with', async () => {
    const error = await failureOf(withWeight('w5', (w) => w * 1e25));
    expect(error).toMatchObject({ code: 'training-diverged' });
  });

  it('knows no cut inside a body that runs again and again', async () => {
    const recurrent = lastState();
    const error = await failureOf(recurrent, { cut: { kind: 'tensor', tensor: 'state inside' } });
    expect(error).toMatchObject({ code: 'cut-impossible' });
    expect(error.message).toMatch(/'state inside' lies inside the body of Scan 'recurrence'/);
  });

  it('says how much memory it would take, where there is too little', async () => {
    const error = await failureOf(float, { gradient: { ...gradientDefaults, memoryMegabytes: 0.01 } });
    expect(error).toMatchObject({ code: 'memory-short' });
    expect(error.message).toMatch(/MB/);
  });
});

describe('the trainer process', () => {
  it('says so too, and the current release stays', async () => {
    const { jobs, store, releases, addSamples } = await trainingBench({ layers: 1, training: { minPerClass: 2 } });
    addSamples(['a', 'b'], 6);
    const { release } = await jobs.train('first');
    expect(release).not.toBeNull();
    const short = await trainingBench({ layers: 2, training: { learner: 'gradient', gradient: { memoryMegabytes: 0.001 } } });
    short.addSamples(['a', 'b'], 6);
    await expect(short.jobs.train('too large')).rejects.toMatchObject({ code: 'memory-short' });
    expect(short.store.runs.list(1)[0]).toMatchObject({ state: 'failed' });
    expect(await short.releases.current()).toBe('base');
    expect(await releases.current()).toBe(release);
    expect(store.runs.list(1)[0]).toMatchObject({ state: 'finished' });
  });
});

/** x → rows as a sequence through a Scan → last state → Gemm → y. */
function lastState(): Model {
  const body = graph('step', {
    inputs: [value('state', [1, 24]), value('row', [1, 24])],
    outputs: [value('state inside', [1, 24]), value('seen', [1, 24])],
    nodes: [node('Add', ['state', 'row'], ['sum']), node('Tanh', ['sum'], ['state inside']), node('Identity', ['state inside'], ['seen'])],
  });
  return model(
    graph('recurrent', {
      inputs: [value('x', [1, 3, 8, 8])],
      outputs: [value('y', [1, 5])],
      nodes: [
        node('Conv', ['x', 'w0', 'b0'], ['c0'], { kernel_shape: [1, 1] }, { name: 'conv0' }),
        node('Relu', ['c0'], ['r0']),
        node('Reshape', ['r0', 'rows'], ['sequence']),
        node('Scan', ['zero', 'sequence'], ['last', 'all'], { body, num_scan_inputs: 1 }, { name: 'recurrence' }),
        node('Gemm', ['last', 'w', 'b'], ['y'], {}, { name: 'head' }),
      ],
      initializers: [
        ['w0', float.graph.initializers.get('w0') as Tensor],
        ['b0', float.graph.initializers.get('b0') as Tensor],
        ['rows', { dtype: 'int64', dims: [3], data: BigInt64Array.of(16n, 1n, 24n) }],
        ['zero', { dtype: 'float32', dims: [1, 24], data: new Float32Array(24) }],
        ['w', { dtype: 'float32', dims: [24, 5], data: new Float32Array(120).fill(0.1) }],
        ['b', { dtype: 'float32', dims: [5], data: new Float32Array(5) }],
      ],
    }),
    { opset: 17, irVersion: 8 },
  );
}
