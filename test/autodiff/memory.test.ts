// Plans of memory: the highest point of small graphs counted by hand, what a plan grows with, and plans for real tails against what a process
// that trains them really grows by.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { peakOf } from '../../agent/autodiff/liveness.ts';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { planMemory } from '../../agent/autodiff/memory.ts';
import { adamW } from '../../agent/autodiff/optimizers.ts';
import type { Node } from '../../agent/onnx/ir.ts';
import { floats, graph, node, value } from '../../agent/onnx/made/build.ts';
import { tailOf } from './training.ts';

describe('the highest point of a graph', () => {
  const peak = (nodes: readonly Node[], output: string, sizes: Readonly<Record<string, number>>, watched: readonly string[] = []) =>
    peakOf(graph('g', { inputs: [value('x', [1])], outputs: [value(output, [1])], nodes }), (name) => sizes[name] ?? 0, new Set(watched));

  it('counts what lives at once, not what lives after each other', () => {
    const nodes = [node('MatMul', ['x', 'x'], ['a']), node('MatMul', ['a', 'x'], ['b']), node('MatMul', ['b', 'x'], ['c'])];
    expect(peak(nodes, 'c', { x: 1000, a: 10, b: 20, c: 5 }).bytes).toBe(30);
  });

  it('keeps what a later node reads', () => {
    const nodes = [node('MatMul', ['x', 'x'], ['a']), node('MatMul', ['a', 'x'], ['b']), node('MatMul', ['b', 'a'], ['c'])];
    expect(peak(nodes, 'c', { a: 10, b: 20, c: 5 }, ['a'])).toEqual({ bytes: 35, watchedBytes: 10 });
  });

  it('takes a view for what it views, and lets an elementwise result take the place of its operand', () => {
    const nodes = [
      node('MatMul', ['x', 'x'], ['a']),
      node('Reshape', ['a', 's'], ['r']),
      node('Relu', ['r'], ['b']),
      node('Relu', ['b'], ['c']),
    ];
    expect(peak(nodes, 'c', { a: 10, r: 10, b: 10, c: 10 }).bytes).toBe(10);
    const kept = [...nodes, node('Add', ['b', 'c'], ['d'])];
    expect(peak(kept, 'd', { a: 10, r: 10, b: 10, c: 10, d: 10 }).bytes).toBe(20);
  });
});

describe('a plan', () => {
  const tail = tailOf(
    [8, 4, 4],
    [node('Conv', ['x', 'w'], ['c']), node('GlobalAveragePool', ['c'], ['p']), node('Flatten', ['p'], ['z'])],
    'z',
    {
      w: floats([16, 8, 1, 1], 0.1),
    },
  );
  const plan = (batch: number, samples: number, courses = 1) =>
    planMemory(tail, { batch, loss: plainLoss(16), optimizer: adamW }, { samples, courses });

  it('adds up, and names what each part grows with', () => {
    const small = plan(4, 100);
    const { weightsBytes, optimizerBytes, gradientsBytes, activationsBytes, featuresBytes, targetsBytes, totalBytes } = small;
    expect(weightsBytes + optimizerBytes + gradientsBytes + activationsBytes + featuresBytes + targetsBytes).toBe(totalBytes);
    expect(gradientsBytes).toBe(4 * 16 * 8);
    expect([weightsBytes, optimizerBytes]).toEqual([4 * gradientsBytes, 8 * gradientsBytes]);
    expect(featuresBytes).toBe(2 * 4 * 100 * 8 * 16);
    expect(plan(8, 100).activationsBytes).toBeGreaterThan(1.8 * activationsBytes);
    expect(plan(4, 200)).toEqual({
      ...small,
      samples: 200,
      featuresBytes: 2 * featuresBytes,
      targetsBytes: 2 * targetsBytes,
      totalBytes: totalBytes + featuresBytes + targetsBytes,
    });
    expect(plan(4, 100, 3).weightsBytes).toBe(6 * gradientsBytes);
  });
});

const models = fileURLToPath(new URL('../../../shared/models', import.meta.url));
const linux = existsSync('/proc/self/clear_refs');

describe.skipIf(!existsSync(models) || !linux)(
  'plans for real tails, in processes that train them (needs ../shared/models and Linux)',
  () => {
    it.each([
      ['mobilenetv2-int8-dynamic.onnx', 1, 32, 320],
      ['mobilenetv2-int8-dynamic.onnx', 5, 32, 64],
      ['cifar10-tinycnn-int8-qoperator.onnx', 5, 32, 640],
    ])('%s, %i layers, batch %i, %i samples: right within half as much again, and 8 MB', (file, ...sizes) => {
      const child = fileURLToPath(new URL('./memory-child.ts', import.meta.url));
      const printed = execFileSync(process.execPath, [child, `${models}/${file}`, ...sizes.map(String)], { encoding: 'utf8' });
      const { planned, measured } = JSON.parse(printed) as { readonly planned: number; readonly measured: number };
      expect(measured).toBeGreaterThan(planned / 1.5 - 8e6);
      expect(measured).toBeLessThan(planned * 1.5 + 8e6);
    });
  },
);
