// Compiles one epoch of training into one plain ONNX graph: a Loop over minibatches that holds forward pass, loss, backward pass and update.
// In come features, labels, weights, the order of samples, rates, parameters and optimizer state; out come parameters, state and loss.
import { WhetError } from '../errors.ts';
import { graph, ints, model, node, value } from '../onnx/build.ts';
import type { Model, ValueInfo } from '../onnx/ir.ts';
import { Draft } from './draft.ts';
import { type LossOptions, type LossTerm, lossTerms } from './loss.ts';
import { type OptimizerOptions, stateSlots, stepScalars } from './optimizers.ts';
import { type Group, grouped, pack, spread, unpack } from './packing.ts';
import { loopBody, unbound } from './step-body.ts';
import { type Trainable, type TrainableTail, trainableOf } from './trainable.ts';

export interface StepOptions {
  readonly batch: number;
  readonly loss: LossOptions;
  readonly optimizer: OptimizerOptions;
  /** Bounds the global norm of all gradients of a step by the input `clip`. */
  readonly clip?: boolean;
  /** Mixes samples and their targets pairwise, as the inputs `partners` and `mix` say. */
  readonly mixup?: boolean;
  /** Multiplies the rate of each parameter by its entry in the input `factors`. */
  readonly factors?: boolean;
}

/**
 * The compiled epoch. Its inputs, n samples, s steps:
 *   features [n, …sample], labels int64 [n], weights [n]
 *   order int64 [s, batch]: which samples each step takes;  rates [s]: learning rate of each step;  done []: steps taken in earlier epochs
 *   with distillation: teacher [n, classes] base logits, share [n] in [0, 1]
 *   with `clip`: clip [], the largest norm;  with `factors`: factors [parameters], in the order of `parameters`
 *   with `mixup`: partners int64 [s, batch] and mix [s, batch] in [0, 1]: x ← x + mix·(partner − x), and so their targets and weights
 *   per parameter: `in/<name>`, with L2-SP also `base/<name>`;  per entry of `state`: its `input`, zeros before the first epoch
 *   per entry of `statistics` (running mean and variance of BatchNormalization in training mode): its `input`
 *   per name in the tail's `fixed`: `in/<name>`
 * Its outputs: `out/<name>` per parameter, `output` per entry of `state` and `statistics`, and losses [s], one a step.
 */
export interface TrainingStep {
  readonly model: Model;
  readonly parameters: readonly {
    readonly name: string;
    readonly input: string;
    readonly output: string;
    readonly dims: readonly number[];
  }[];
  readonly state: readonly { readonly input: string; readonly output: string; readonly dims: readonly number[] }[];
  readonly statistics: readonly {
    readonly name: string;
    readonly input: string;
    readonly output: string;
    readonly dims: readonly number[];
  }[];
}

/** Throws `operator-unsupported` or `model-unsupported`, naming the node that cannot be trained. */
export function compileStep(tail: TrainableTail, options: StepOptions): TrainingStep {
  const trainable = trainableOf(tail);
  if (trainable.parameters.length === 0) {
    throw new WhetError('model-unsupported', 'the part of the model to be trained has no weights', {
      hint: 'Choose more layers (--layers).',
    });
  }
  const groups = grouped(trainable.parameters);
  const slots = stateSlots(options.optimizer);
  const state = groups.flatMap((group) =>
    slots.map((slot) => ({ input: `in/${group.name}/${slot}`, output: `out/${group.name}/${slot}`, dims: group.dims })),
  );

  const c = new Draft({ prefix: 'epoch/' });
  const terms = prelude(c, options);
  const count = c.emit('Squeeze', [c.emit('Shape', ['rates'])]);
  const index = c.emit('Range', [c.constant('zero', ints([0], [])), count, c.constant('one', ints([1], []))]);
  const t = c.plus(c.plus(c.emit('Cast', [index], { to: 1 }), 1), 'done');
  const scalars = stepScalars(c, options.optimizer, 'rates', t);
  const packed = groups.map((group) => pack(c, group, (name) => `in/${name}`));
  const factors = options.factors === true ? groups.map((group) => factorsOf(c, trainable, group)) : null;
  const body = loopBody({ tail, trainable, groups, options, terms, scalars, factors });
  const nextWeights = groups.map((group) => `next/${group.name}`);
  const statistics = trainable.statistics.map(({ name, dims }) => ({ name, input: `in/${name}`, output: `out/${name}`, dims }));
  const carried = [...state, ...statistics];
  c.add(
    node(
      'Loop',
      [count, '', ...packed, ...carried.map((entry) => entry.input)],
      [...nextWeights, ...carried.map((entry) => entry.output), 'losses'],
      { body },
    ),
  );
  groups.forEach((group, index) => {
    const parts = unpack(c, group, nextWeights[index] as string);
    for (const [name, part] of parts) c.add(node('Identity', [part], [`out/${name}`]));
  });

  const parameters = trainable.parameters.map(({ name, dims }) => ({ name, input: `in/${name}`, output: `out/${name}`, dims }));
  const outputs = [
    ...parameters.map(({ output, dims }) => value(output, dims)),
    ...carried.map(({ output, dims }) => value(output, dims)),
    value('losses', ['steps']),
  ];
  const inputs = [...dataInputs(trainable, options), ...parameters.map(({ input, dims }) => value(input, dims))];
  if (options.loss.anchor !== 0) inputs.push(...parameters.map(({ name, dims }) => value(`base/${name}`, dims)));
  inputs.push(...carried.map(({ input, dims }) => value(input, dims)));
  inputs.push(...[...trainable.fixed].map(([name, { dims, dtype }]) => value(`in/${name}`, dims, dtype)));
  const whole = graph('epoch', { inputs, outputs, ...c.finish(outputs.map((output) => output.name)) });
  return { model: { ...model(whole), opsets: trainable.opsets, irVersion: trainable.irVersion }, parameters, state, statistics };
}

function factorsOf(c: Draft, { parameters }: Trainable, group: Group): string {
  c.declare('factors', [parameters.length]);
  const places = group.members.map((member) => parameters.findIndex(({ name }) => name === member.name));
  return spread(c, group, 'factors', places);
}

function dataInputs({ sample, parameters }: Trainable, { batch, loss, clip, mixup, factors }: StepOptions): ValueInfo[] {
  return [
    value('features', ['samples', ...sample]),
    value('labels', ['samples'], 'int64'),
    value('weights', ['samples']),
    value('order', ['steps', batch], 'int64'),
    value('rates', ['steps']),
    value('done', []),
    ...(loss.distillation === null ? [] : [value('teacher', ['samples', loss.classes]), value('share', ['samples'])]),
    ...(clip === true ? [value('clip', [])] : []),
    ...(factors === true ? [value('factors', [parameters.length])] : []),
    ...(mixup === true ? [value('partners', ['steps', batch], 'int64'), value('mix', ['steps', batch])] : []),
  ];
}

function prelude(c: Draft, { batch, loss }: StepOptions): readonly LossTerm[] {
  c.declare('labels', [unbound], 'int64');
  const taught = loss.distillation === null ? {} : { teacher: 'teacher', share: 'share' };
  return lossTerms(c, { labels: 'labels', weights: 'weights', ...taught }, batch, loss);
}
