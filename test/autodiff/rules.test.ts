// Every gradient rule against central finite differences of the runtime's own forward pass, and against TensorFlow.js where it has the
// function. Shapes, values and attributes are random, with a fixed seed.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Draft } from '../../agent/autodiff/draft.ts';
import { mergeFamilies } from '../../agent/autodiff/families.ts';
import { operators } from '../../agent/autodiff/operators.ts';
import { backward } from '../../agent/autodiff/walk.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import { sizeOf, type Tensor } from '../../agent/onnx/ir.ts';
import { graph, model, value } from '../../agent/onnx/made/build.ts';
import { openSession, type Session } from '../../agent/runtime/session.ts';
import { newestOpset } from '../forms.ts';
import type { Case, Input } from './case.ts';
import { operatorCases } from './cases.ts';
import { composedCases } from './cases-composed.ts';
import { Random } from './random.ts';
import { type Tf, tf } from './tensorflow.ts';

/** Operators of the table that may stand between the cut and the logits; those of this project's own domain never stand in a model. */
const trained = [...operators].flatMap(([key, { gradient, expand }]) =>
  (gradient ?? expand) === undefined || key.startsWith('whetstone:') ? [] : [key],
);

const cases = mergeFamilies('cases', [Object.fromEntries(operatorCases), composedCases]);

type Real = 'float32' | 'float64';

function tensor(dtype: Real, { dims, values }: Input): Tensor {
  return { dtype, dims, data: dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values) };
}

/** Real constants follow the type of the case. */
function constant(dtype: Real, each: Tensor): Tensor {
  return each.dtype === 'float32' ? tensor(dtype, { dims: each.dims, values: [...(each.data as Float32Array)] }) : each;
}

interface Compiled extends AsyncDisposable {
  readonly shape: readonly number[];
  /** The node as it stands in a model. */
  readonly forward: Session;
  /** x0, x1, … and dy → dx0, dx1, … */
  backward(feeds: Readonly<Record<string, Tensor>>): Promise<readonly (readonly number[])[]>;
}

async function compile(each: Case, dtype: Real): Promise<Compiled> {
  const c = new Draft({ dtype, prefix: 'g/' });
  const names = each.inputs.map((input, index) => c.declare(`x${index}`, input.dims));
  const constants = [...each.constants].map(([name, data]) => [name, constant(dtype, data)] as const);
  for (const [name, data] of constants) c.constant(name, data);
  c.add(each.node);
  const shape = c.shape('y0');
  const gradients = backward(c, c.nodes.slice(), new Map([['y0', c.declare('dy', shape)]]), names);
  // No gradient means that nothing depends on the value: finite differences must find zeros.
  const outputs = names.map((name) => gradients.get(name) ?? c.emit('Expand', [0, c.ints(c.shape(name))]));
  expect(outputs.map((dx) => c.shape(dx))).toEqual(each.inputs.map((input) => input.dims));
  const inputs = names.map((name) => value(name, c.shape(name), dtype));
  const open = (body: ReturnType<typeof graph>) => {
    const bytes = encodeModel(model(body, { opset: each.opset === 'any' ? 17 : each.opset, microsoft: true }));
    return openSession(bytes, { label: `the case of ${each.node.op}`, optimization: 'disabled' });
  };
  const alone = { inputs, outputs: [value('y0', null, dtype)], nodes: [each.node], initializers: constants };
  const distinct = [...new Set(outputs)].map((name) => value(name, null, dtype));
  const slopes = await open(graph('gradient', { inputs: [...inputs, value('dy', shape, dtype)], outputs: distinct, ...c.finish(outputs) }));
  const forward = await open(graph('node', alone));
  return {
    shape,
    forward,
    async backward(feeds) {
      const found = await slopes.run(feeds);
      return outputs.map((name) => numbers(found[name]));
    },
    async [Symbol.asyncDispose]() {
      await forward.close();
      await slopes.close();
    },
  };
}

const numbers = (each: Tensor | undefined) => Array.from(each?.data as Float64Array, Number);

async function check(each: Case): Promise<void> {
  const dtype = each.double ? 'float64' : 'float32';
  const [h, tolerance] = each.double ? [1e-4, 1e-6] : each.linear ? [0.5, 5e-5] : [8e-3, 3e-3];
  await using compiled = await compile(each, dtype);
  const { shape } = compiled;
  const r = new Random(sizeOf(shape) + 1);
  const dy = { dims: shape, values: Array.from({ length: sizeOf(shape) }, () => 2 * r.next() - 1) };
  const feeds = (inputs: readonly Input[]) => Object.fromEntries(inputs.map((input, index) => [`x${index}`, tensor(dtype, input)]));
  const weighted = async (inputs: readonly Input[]) => {
    const { y0 } = await compiled.forward.run(feeds(inputs), ['y0']);
    expect(y0?.dims).toEqual(shape);
    return numbers(y0).reduce((sum, y, index) => sum + y * (dy.values[index] as number), 0);
  };
  const dxs = await compiled.backward({ ...feeds(each.inputs), dy: tensor(dtype, dy) });
  const oracle = each.tensorflow === null ? null : tensorflowGradients(each, dy);
  for (const [index, input] of each.inputs.entries()) {
    const dx = dxs[index] ?? [];
    for (const [at, x] of input.values.entries()) {
      const moved = (by: number) =>
        each.inputs.map((other, k) => (k === index ? { ...other, values: other.values.with(at, x + by) } : other));
      const slope = ((await weighted(moved(h))) - (await weighted(moved(-h)))) / (2 * h);
      close(dx[at] as number, slope, tolerance, `${each.node.op}: finite differences of input ${index}, element ${at} (x = ${x})`);
    }
    for (const [at, expected] of (oracle?.[index] ?? []).entries()) {
      close(dx[at] as number, expected, 2e-4, `${each.node.op}: TensorFlow.js, input ${index}, element ${at}`);
    }
  }
}

function close(actual: number, expected: number, tolerance: number, what: string): void {
  const allowed = tolerance * Math.max(1, Math.abs(expected));
  if (!(Math.abs(actual - expected) <= allowed)) throw new Error(`${what}: ${actual}, expected ${expected} ± ${allowed}`);
}

function tensorflowGradients(each: Case, dy: Input): readonly (readonly number[])[] {
  return tf.tidy(() => {
    const inputs = each.inputs.map((input) => tf.tensor([...input.values], [...input.dims], 'float32'));
    const gradients = tf.grads(each.tensorflow as (...list: Tf[]) => Tf)(inputs, tf.tensor([...dy.values], [...dy.dims]));
    return gradients.map((gradient) => Array.from(gradient.dataSync()));
  });
}

/** Rules write what holds in the newest opset too. */

function atSomeOpset(each: Case, seed: number): Case {
  return each.opset === 'any' ? { ...each, opset: seed % 2 === 0 ? 17 : newestOpset } : each;
}

describe('gradient rules', () => {
  it('have a case for every operator in the table, and no case without a rule', () => {
    expect([...cases.keys()].sort()).toEqual(trained.toSorted());
  });

  it('are the table that the documentation shows', () => {
    const readme = readFileSync(new URL('../../agent/autodiff/README.md', import.meta.url), 'utf8');
    const section = readme.split('## Operators')[1]?.split('\n## ')[0] ?? '';
    const rows = section.split('\n').filter((line) => line.startsWith('|'));
    const shown = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string));
    expect(shown.sort()).toEqual(trained.toSorted());
  });

  for (const [operator, make] of cases) {
    it(`${operator} agrees with finite differences and with TensorFlow.js where it has it`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), async (seed) => check(atSomeOpset(make(new Random(seed)), seed))),
        // RUNS=300 looks harder.
        { numRuns: Number(process.env.RUNS ?? 12), seed: 20261 },
      );
    });
  }
});
