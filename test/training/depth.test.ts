// Several layers through the daemon's training run and the real trainer process: what was learned is a release in the form of the base model,
// and the report says what depth bought.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadModel } from '../../agent/model/load.ts';
import { detectQuantization } from '../../agent/onnx/surgery/layers.ts';
import { modelPath, trainingBench } from './bench.ts';

it('trains as many layers as `layers` says, and reports the last one alone beside them', async () => {
  const { jobs, releases, addSamples, directory } = await trainingBench({
    layers: 3,
    training: { learner: 'gradient', minPerClass: 2, gradient: { epochs: 3, schedule: 'constant', warmUp: 0 } },
  });
  addSamples(['a', 'b', 'c'], 8);
  const report = await jobs.train('test');
  expect(report).toMatchObject({
    learner: 'gradient',
    verdict: { kind: 'accepted' },
    depth: { ships: 'all layers', lastLayer: { samples: 24 }, allLayers: { samples: 24 } },
  });
  expect(await releases.current()).toBe(report.release);
  const artifact = join(directory, 'releases', report.release as string, 'model.onnx');
  const [before, after] = [loadModel(modelPath).model, loadModel(artifact).model];
  expect(detectQuantization(after)).toBe(detectQuantization(before));
  const changed = [...after.graph.initializers].filter(([name, tensor]) => {
    const old = before.graph.initializers.get(name);
    return old === undefined || Buffer.compare(Buffer.from(old.data as Uint8Array), Buffer.from(tensor.data as Uint8Array)) !== 0;
  });
  // Weights, scales and biases of three layers, not of one.
  expect(changed.length).toBeGreaterThan(5);
});
