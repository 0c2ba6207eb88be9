// Every operator of the engine `tfjs` on the random cases of the gradient rules: its values are those of ONNX Runtime, its gradients those of
// the rules. What it cannot do it refuses by name, and never all cases of an operator.
import { describe, expect, it } from 'vitest';
import { Draft } from '../../../agent/autodiff/draft.ts';
import { type TrainableTail, trainableOf } from '../../../agent/autodiff/trainable.ts';
import { backward } from '../../../agent/autodiff/walk.ts';
import { WhetError } from '../../../agent/errors.ts';
import { operators } from '../../../agent/learn/tfjs/operators.ts';
import { programOf, tensorOf } from '../../../agent/learn/tfjs/program.ts';
import { encodeModel } from '../../../agent/onnx/codec/encode.ts';
import { sizeOf, type Tensor } from '../../../agent/onnx/ir.ts';
import { floats, graph, model, node, value } from '../../../agent/onnx/made/build.ts';
import { openSession } from '../../../agent/runtime/session.ts';
import type { Case } from '../../autodiff/case.ts';
import { operatorCases as cases } from '../../autodiff/cases.ts';
import { Random } from '../../autodiff/random.ts';
import { type Tf, tf } from '../../autodiff/tensorflow.ts';

/** They decide, and have no gradient; `Where` is what they are for. */
const conditions = ['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Equal', 'And', 'Or', 'Not'];

interface Result {
  readonly y: ArrayLike<number>;
  readonly dxs: readonly ArrayLike<number>[];
}

const opsetOf = ({ opset }: Case) => (opset === 'any' ? 17 : opset);
const namesOf = (each: Case) => each.inputs.map((_, index) => `x${index}`);

async function expected(each: Case, dy: readonly number[], shape: readonly number[]): Promise<Result> {
  const c = new Draft({ prefix: 'g/' });
  const names = namesOf(each);
  for (const [index, { dims }] of each.inputs.entries()) c.declare(names[index] as string, dims);
  for (const [name, data] of each.constants) c.constant(name, data);
  c.add(each.node);
  const gradients = backward(c, c.nodes.slice(), new Map([['y0', c.declare('dy', shape)]]), names);
  const outputs = names.map((name) => c.emit('Identity', [gradients.get(name) ?? c.emit('Expand', [0, c.ints(c.shape(name))])]));
  const whole = graph('case', {
    inputs: [...names, 'dy'].map((name) => value(name, c.shape(name))),
    outputs: ['y0', ...outputs].map((name) => value(name, null)),
    ...c.finish(['y0', ...outputs]),
  });
  await using session = await openSession(encodeModel(model(whole, { opset: opsetOf(each), microsoft: true })), { label: 'the case' });
  const out = await session.run({
    ...Object.fromEntries(each.inputs.map(({ dims, values }, index) => [`x${index}`, floats(dims, values)])),
    dy: floats(shape, dy),
  });
  return { y: out.y0?.data as Float32Array, dxs: outputs.map((name) => out[name]?.data as Float32Array) };
}

/** null where the engine refuses the case by name. */
function found(each: Case, dy: readonly number[], shape: readonly number[]): Result | null {
  const names = namesOf(each);
  const body = graph('case', {
    inputs: [value('features', ['n', 1])],
    outputs: [value('y0', null)],
    nodes: [each.node],
    initializers: [...each.inputs.map(({ dims, values }, index) => [`x${index}`, floats(dims, values)] as const), ...each.constants],
  });
  const parameters = each.inputs.map(({ dims }, layer) => ({ name: `x${layer}`, dims, role: 'weight' as const, layer }));
  const tail: TrainableTail = {
    model: model(body, { opset: opsetOf(each), microsoft: true }),
    input: 'features',
    logits: 'y0',
    parameters,
  };
  try {
    return tf.tidy(() => {
      const program = programOf(tf, tail, 1);
      const statistics = trainableOf(tail).statistics.map(({ name }) => [name, tensorOf(tf, each.constants.get(name) as Tensor)] as const);
      const apply = (...inputs: Tf[]) =>
        program(new Map([...statistics, ...inputs.map((input, at) => [names[at] as string, input] as const)])).get('y0') as Tf;
      const inputs = each.inputs.map(({ dims, values }) => tf.tensor([...values], [...dims], 'float32'));
      const y = apply(...inputs);
      expect(y.shape).toEqual(shape);
      const gradients = tf.grads(apply)(inputs, tf.tensor([...dy], [...shape]));
      return { y: y.dataSync(), dxs: gradients.map((gradient) => gradient.dataSync()) };
    });
  } catch (error) {
    if (error instanceof WhetError && error.code === 'operator-unsupported') return null;
    throw error;
  }
}

function same(actual: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  expect(actual.length, what).toBe(wanted.length);
  for (let at = 0; at < wanted.length; at += 1) {
    const [a, b] = [actual[at] as number, wanted[at] as number];
    if (!(Math.abs(a - b) <= 5e-4 * Math.max(1, Math.abs(b)))) throw new Error(`${what}, element ${at}: ${a}, expected ${b}`);
  }
}

describe('the operators of the engine tfjs', () => {
  it('have a case each', () => {
    expect([...operators.keys()].filter((name) => !cases.has(name))).toEqual(conditions);
  });

  it.each([...operators.keys()].filter((name) => cases.has(name)))('%s: values of the runtime, gradients of the rules', async (name) => {
    let handled = 0;
    for (let seed = 1; seed <= 5; seed += 1) {
      const each = (cases.get(name) as (r: Random) => Case)(new Random(seed * 7919));
      const c = new Draft();
      for (const [index, { dims }] of each.inputs.entries()) c.declare(`x${index}`, dims);
      for (const [constant, data] of each.constants) c.constant(constant, data);
      c.add(each.node);
      const shape = c.shape('y0');
      const r = new Random(seed);
      const dy = Array.from({ length: sizeOf(shape) }, () => 2 * r.next() - 1);
      const theirs = found(each, dy, shape);
      if (theirs === null) continue;
      handled += 1;
      const ours = await expected(each, dy, shape);
      const title = `${name}, case ${seed} (${JSON.stringify(each.node.attributes)})`;
      same(theirs.y, ours.y, `${title}: value`);
      for (const [index, dx] of ours.dxs.entries()) same(theirs.dxs[index] as Float32Array, dx, `${title}: gradient of input ${index}`);
    }
    expect(handled).toBeGreaterThan(0);
  });

  it('refuse what they cannot do, with its name', () => {
    const body = graph('tail', {
      inputs: [value('x', ['n', 2, 4])],
      outputs: [value('y', null)],
      nodes: [node('Celu', ['x'], ['y'], {}, { name: 'bend' })],
    });
    const tail: TrainableTail = { model: model(body), input: 'x', logits: 'y', parameters: [] };
    expect(() => programOf(tf, tail, 1)).toThrow(/engine tfjs.*'bend' \(Celu\)/);
  });
});
