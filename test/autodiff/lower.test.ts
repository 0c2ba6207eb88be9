// Every lowering by equality: the lowered pass gives the values and the gradients of the pass as it was written, over random shapes. Only
// rounding may differ.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Draft } from '../../agent/autodiff/draft.ts';
import { writeLowered } from '../../agent/autodiff/lower/lower.ts';
import { gradientRules, loweredGradients, operators } from '../../agent/autodiff/operators.ts';
import { expandSnaps } from '../../agent/autodiff/snap.ts';
import { backward } from '../../agent/autodiff/walk.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { sizeOf, type Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, model, value } from '../../agent/onnx/made/build.ts';
import { openSession } from '../../agent/runtime/session.ts';
import type { Chain } from './chain-writer.ts';
import { chains } from './chains.ts';
import { Random } from './random.ts';

/** y and the gradients of all inputs, and the operators it took. */
async function computed(chain: Chain, lowered: boolean) {
  const c = new Draft({ dtype: 'float32', prefix: 'g/' });
  const names = Object.keys(chain.inputs).map((name) => c.declare(name, (chain.inputs[name] as Tensor).dims));
  for (const [name, tensor] of Object.entries(chain.constants)) c.constant(name, tensor);
  if (lowered) writeLowered(c, chain.nodes, ['y']);
  else for (const node of chain.nodes) c.add(node);
  const shape = c.shape('y');
  const rules = lowered ? loweredGradients : gradientRules;
  const gradients = backward(c, c.nodes.slice(), new Map([['y', c.declare('dy', shape, 'float32')]]), names, rules);
  const outputs = ['y', ...names.map((name) => gradients.get(name) as string)];
  const written = c.finish(outputs);
  const body = graph('chain', {
    inputs: [...names.map((name) => value(name, c.shape(name), 'float32')), value('dy', shape, 'float32')],
    outputs: [...new Set(outputs)].map((name) => value(name, null, 'float32')),
    ...written,
  });
  await using session = await openSession(encodeModel(model(expandSnaps(body), { microsoft: true, opset: chain.opset })), {
    label: 'the chain',
  });
  const r = new Random(3);
  const dy = floats(
    shape,
    Array.from({ length: sizeOf(shape) }, () => 2 * r.next() - 1),
  );
  const found = await session.run({ ...chain.inputs, dy });
  return { shape, operators: written.nodes.map(({ op }) => op), values: outputs.map((name) => numbers(found[name])) };
}

const numbers = (tensor: Tensor | undefined) => Array.from(tensor?.data as Float32Array, Number);

function expectEqual(actual: readonly number[], expected: readonly number[], tolerance: number, what: string): void {
  expect(actual.length, what).toBe(expected.length);
  const scale = Math.max(1e-3, ...expected.map(Math.abs));
  const worst = actual.reduce((most, each, at) => Math.max(most, Math.abs(each - (expected[at] as number))), 0);
  if (!(worst <= tolerance * scale)) throw new Error(`${what} differs by ${worst}, of at most ${scale}`);
}

describe('a lowered pass equals the pass as written', () => {
  it('for every operator that has a lowering', () => {
    const covered = new Set(
      Object.values(chains)
        .flatMap((make) => Array.from({ length: 100 }, (_, seed) => make(new Random(seed)).nodes))
        .flat()
        .map(({ op }) => op),
    );
    const lowered = [...operators].flatMap(([key, { lower }]) => (lower === undefined ? [] : [key.split(':').at(-1) as string]));
    expect(lowered.filter((op) => !covered.has(op))).toEqual([]);
  });

  it('and every operator that works element by element has one', () => {
    // Of these each element depends on others, or on its place.
    const along = [
      'Softmax LogSoftmax LpNormalization GroupNormalization InstanceNormalization RMSNormalization MeanVarianceNormalization',
      'LRN Trilu CumSum ScatterElements ScatterND EyeLike',
    ].flatMap((line) => line.split(' '));
    const shapes = ['Relu', 'Add'].map((op) => operators.get(op)?.shape);
    const without = [...operators].flatMap(([key, { shape, lower }]) => (shapes.includes(shape) && lower === undefined ? [key] : []));
    expect(without.toSorted()).toEqual(along.toSorted());
  });

  for (const [name, make] of Object.entries(chains)) {
    it(name, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), async (seed) => {
          const chain = make(new Random(seed));
          const [plain, lowered] = [await computed(chain, false), await computed(chain, true)];
          expect(lowered.shape).toEqual(plain.shape);
          if (chain.gone.length > 0) expect(lowered.operators.filter((op) => chain.gone.includes(op))).toEqual([]);
          plain.values.forEach((expected, index) => {
            const what = index === 0 ? 'y' : `d${Object.keys(chain.inputs)[index - 1]}`;
            expectEqual(lowered.values[index] as number[], expected, 2e-5, what);
          });
        }),
        { numRuns: 15, seed: 20262 },
      );
    });
  }
});
