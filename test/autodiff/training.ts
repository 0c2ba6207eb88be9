// Runs a compiled training step in the tests: the part that the gradient learner plays in the agent.

import { compileStep, type StepOptions } from '../../agent/autodiff/step.ts';
import type { TrainableTail } from '../../agent/autodiff/trainable.ts';
import { encodeModel } from '../../agent/onnx/codec/encode.ts';
import type { Node, Tensor } from '../../agent/onnx/ir.ts';
import { floats, graph, ints, model, node, value } from '../../agent/onnx/made/build.ts';
import { openSession } from '../../agent/runtime/session.ts';

export interface Run {
  /** [n, width] row by row. */
  readonly features: Tensor;
  readonly labels: readonly number[];
  readonly weights?: readonly number[];
  readonly epochs: readonly { readonly order: readonly (readonly number[])[]; readonly rate: number }[];
  readonly extra?: Readonly<Record<string, Tensor>>;
}

export interface Trained {
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly losses: readonly number[];
}

/** A tail written in a test. `parameters` are float32 initializers that are trained, in order. */
export function tailOf(
  width: readonly number[],
  nodes: readonly Node[],
  logits: string,
  parameters: Readonly<Record<string, Tensor>>,
  constants: Readonly<Record<string, Tensor>> = {},
): TrainableTail {
  const body = graph('tail', {
    inputs: [value('x', ['n', ...width])],
    outputs: [value(logits, null)],
    nodes,
    initializers: Object.entries({ ...parameters, ...constants }),
  });
  return {
    model: model(body),
    input: 'x',
    logits,
    parameters: Object.entries(parameters).map(([name, { dims }], index) => ({
      name,
      dims,
      role: dims.length === 1 ? ('bias' as const) : ('weight' as const),
      layer: index,
    })),
  };
}

export function linearTail(width: number, classes: number, w: readonly number[], b: readonly number[]): TrainableTail {
  const nodes = [node('Gemm', ['x', 'w', 'b'], ['z'])];
  return tailOf([width], nodes, 'z', { w: floats([width, classes], w), b: floats([classes], b) });
}

export async function train(tail: TrainableTail, options: StepOptions, run: Run): Promise<Trained> {
  const step = compileStep(tail, options);
  await using session = await openSession(encodeModel(step.model), { label: 'the step' });
  const count = run.labels.length;
  const initial = tail.model.graph.initializers;
  let feeds: Record<string, Tensor> = {
    features: run.features,
    labels: ints(run.labels),
    weights: floats([count], run.weights ?? 1),
    ...Object.fromEntries(step.parameters.map(({ name, input }) => [input, initial.get(name) as Tensor])),
    ...Object.fromEntries(step.state.map(({ input, dims }) => [input, floats(dims, 0)])),
    ...Object.fromEntries(step.statistics.map(({ name, input }) => [input, initial.get(name) as Tensor])),
    ...run.extra,
  };
  const losses: number[] = [];
  let done = 0;
  for (const { order, rate } of run.epochs) {
    const out = await session.run({
      ...feeds,
      order: ints(order.flat(), [order.length, options.batch]),
      rates: floats([order.length], rate),
      done: floats([], [done]),
    });
    for (const { input, output } of [...step.parameters, ...step.state, ...step.statistics])
      feeds = { ...feeds, [input]: out[output] as Tensor };
    losses.push(...dataOf(out.losses));
    done += order.length;
  }
  const parameters = Object.fromEntries(step.parameters.map(({ name, input }) => [name, [...dataOf(feeds[input])]]));
  return { parameters, losses };
}

function dataOf(tensor: Tensor | undefined): Float32Array {
  if (tensor === undefined) throw new Error('no such tensor');
  return tensor.data as Float32Array;
}
