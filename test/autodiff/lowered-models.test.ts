// The lowered step of a real model's tails against the step as it is written: the same losses, and weights that moved the same way.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { plainLoss } from '../../agent/autodiff/loss.ts';
import { bindFeatures } from '../../agent/autodiff/trainable.ts';
import { loadModel } from '../../agent/model/load.ts';
import { openClassifier } from '../../agent/model/open.ts';
import { sizeOf, type Tensor } from '../../agent/onnx/ir.ts';
import { floats } from '../../agent/onnx/made/build.ts';
import { createRuntime } from '../../agent/runtime/runtime.ts';
import { Random } from './random.ts';
import { train } from './training.ts';

const models = fileURLToPath(new URL('../../../shared/models', import.meta.url));
const [count, batch] = [16, 8];

async function trained(file: string, layers: number, lowered: boolean) {
  const { model } = loadModel(`${models}/${file}`);
  const { features, tail, classes } = await openClassifier(model, { cut: { kind: 'layers', layers }, runtime: createRuntime() });
  const sample = features.shape.slice(1);
  const r = new Random(3);
  const values = Float32Array.from({ length: count * sizeOf(sample) }, () => 2 * r.next());
  const initial = tail.model.graph.initializers;
  const optimizer = { kind: 'sgd', momentum: 0.9, decay: 0 } as const;
  const result = await train(
    bindFeatures(tail, sample),
    { batch, loss: plainLoss(classes), optimizer, lowered },
    {
      features: floats([count, ...sample], values),
      labels: Array.from({ length: count }, (_, row) => row % classes),
      epochs: [{ order: [0, 1, 0].map((half) => Array.from({ length: batch }, (_, at) => half * batch + at)), rate: 1e-3 }],
    },
  );
  const moved = Object.entries(result.parameters).map(([name, after]) => {
    const before = (initial.get(name) as Tensor).data as Float32Array;
    return { name, by: after.map((value, at) => value - (before[at] as number)) };
  });
  return { losses: result.losses, moved };
}

describe.skipIf(!existsSync(models))('lowered tails of a real model (needs ../shared/models)', () => {
  it.each([
    ['cifar10-tinycnn-int8-qoperator.onnx', 2],
    ['cifar10-tinycnn-int8-qoperator.onnx', 4],
    ['cifar10-tinycnn-int8-qoperator.onnx', 6],
  ])(
    '%s, %i layers: three steps as written',
    async (file, layers) => {
      const [lowered, plain] = [await trained(file, layers, true), await trained(file, layers, false)];
      for (const [step, loss] of plain.losses.entries()) expect(Math.abs((lowered.losses[step] as number) / loss - 1)).toBeLessThan(1e-4);
      for (const [index, { name, by }] of plain.moved.entries()) {
        const own = lowered.moved[index]?.by as readonly number[];
        const size = Math.sqrt(by.reduce((sum, value) => sum + value * value, 0));
        const away = Math.sqrt(own.reduce((sum, value, at) => sum + (value - (by[at] as number)) ** 2, 0));
        expect(size, name).toBeGreaterThan(0);
        expect(away / size, name).toBeLessThan(2e-3);
      }
    },
    60_000,
  );
});
