// Training aware of quantization, in the learner: the fit runs on grids that follow the weights, or on those of the base model, and gives other
// weights than a fit in float; a tail that fixes no scale has none.

import { describe, expect, it } from 'vitest';
import { gradientDefaults } from '../../../agent/config/gradient-schema.ts';
import { gradient } from '../../../agent/learn/gradient/gradient.ts';
import { watchGrids } from '../../../agent/learn/gradient/grid-watch.ts';
import { createEmbedder } from '../../../agent/model/embed.ts';
import { openClassifier } from '../../../agent/model/open.ts';
import type { Tensor } from '../../../agent/onnx/ir.ts';
import { weightsOf } from '../../../agent/onnx/weights.ts';
import { createRuntime } from '../../../agent/runtime/runtime.ts';
import { type Form, forms, modelOf } from '../../forms.ts';
import { sampleInputs } from '../../models.ts';

const form = (title: string) => forms([13], ['deep']).find((each) => each.title.includes(title)) as Form;

async function opened(each: Form) {
  const classifier = await openClassifier(await modelOf(each), { cut: { kind: 'layers', layers: 4 }, runtime: createRuntime() });
  const xs = sampleInputs(each.wish, 60, 21);
  await using embedder = await createEmbedder(classifier, createRuntime());
  const { width, shape } = classifier.features;
  const features = new Float32Array(xs.length * width);
  for (const [at, x] of xs.entries()) features.set(await embedder.embed(x.data as Float32Array), at * width);
  // The colour that is strongest.
  const labels = Int32Array.from(xs, (x) => {
    const data = x.data as Float32Array;
    const sums = [0, 1, 2].map((channel) => data.subarray(channel * 64, (channel + 1) * 64).reduce((sum, each) => sum + each, 0));
    return sums.indexOf(Math.max(...sums));
  });
  const train = { features, count: xs.length, width, labels, groups: Int32Array.from(xs.keys()) };
  const rows: Tensor = { dtype: 'float32', dims: [xs.length, ...shape.slice(1)], data: features };
  return { tail: classifier.tail, train, rows };
}

describe('grids that are watched', () => {
  it('follow the weights, or stay as the base model has them', async () => {
    const { tail, rows } = await opened(form('QOperator per channel'));
    const larger = new Map(
      [...weightsOf(tail)].map(([name, tensor]) => [name, { ...tensor, data: (tensor.data as Float32Array).map((w) => 2 * w) }]),
    );
    const options = { left: new Set<string>(), runtime: createRuntime() };
    await using watch = await watchGrids(tail, rows, { ...options, recalibrate: true });
    expect(watch.tail.fixed?.length).toBeGreaterThan(3);
    const [before, after] = [await watch.measure(weightsOf(tail)), await watch.measure(larger)];
    expect([...before.keys()].sort()).toEqual([...(watch.tail.fixed ?? [])].sort());
    const scales = [...before.keys()].filter((name) => name.endsWith('grid scale'));
    const at = (grids: typeof before, name: string) => ((grids.get(name) as Tensor).data as Float32Array)[0] as number;
    const grown = scales.filter((name) => at(after, name) > 1.5 * at(before, name));
    expect(grown.length).toBeGreaterThan(0);
    await using still = await watchGrids(tail, rows, { ...options, recalibrate: false });
    expect(await still.measure(larger)).toEqual(await still.measure(weightsOf(tail)));
  });

  it('are none where the model fixes no scale', async () => {
    const { tail, rows } = await opened(form('dynamic per channel'));
    await using watch = await watchGrids(tail, rows, { left: new Set(), recalibrate: true, runtime: createRuntime() });
    expect(watch.tail.fixed).toEqual([]);
    expect(watch.tail.model.graph.nodes.some(({ op }) => op === 'Snap')).toBe(true);
  });
});

it.each(['QOperator per channel', 'dynamic per tensor'])('a fit is aware of them: %s', async (title) => {
  const { tail, train } = await opened(form(title));
  const trained = (settings: object) =>
    gradient.fit({
      ...{ tail, train, classes: 5, prior: null, personalWeight: 1, seed: 1, runtime: createRuntime() },
      settings: { ...gradientDefaults, epochs: 4, schedule: 'constant', warmUp: 0, ...settings },
    });
  const [after, aware, fixed] = [
    await trained({}),
    await trained({ quantization: 'aware' }),
    await trained({ quantization: 'aware', scales: 'fixed' }),
  ];
  const name = tail.parameters[0]?.name as string;
  const values = ({ weights }: typeof after) => weights.get(name)?.data as Float32Array;
  for (const fitted of [aware, fixed]) {
    expect(values(fitted).every(Number.isFinite)).toBe(true);
    expect(values(fitted)).not.toEqual(values(after));
    expect(fitted.details.heldOutLoss as number).toBeLessThan(1.2 * (after.details.heldOutLoss as number) + 0.1);
  }
});
