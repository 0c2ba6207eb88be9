// What a report says of training: the plan of its memory where the tail can be trained by gradients, and why not where it cannot; as data and
// as text.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { formatInspect } from '../../agent/cli/inspect.ts';
import { inspect } from '../../agent/model/inspect.ts';
import { node } from '../../agent/onnx/build.ts';
import { encodeModel } from '../../agent/onnx/encode.ts';
import type { Model } from '../../agent/onnx/ir.ts';
import { floatClassifier } from '../models.ts';

const folder = mkdtempSync(join(tmpdir(), 'whet-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function inspected(model: Model, layers: number) {
  const path = join(folder, 'model.onnx');
  writeFileSync(path, encodeModel(model));
  return inspect(path, { cut: { kind: 'layers', layers }, samples: 1, threads: 1 });
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
