// Compiles one epoch of training into one plain ONNX graph: a Scan over minibatches that holds forward pass, loss, backward pass and update.
// In come features, labels, weights, the order of samples, rates, parameters and optimizer state; out come parameters, state and loss.
import { WhetError } from '../errors.ts';
import type { Model, ValueInfo } from '../onnx/ir.ts';
import { graph, ints, model, node, value } from '../onnx/made/build.ts';
import { Draft } from './draft.ts';
import { type LossOptions, type LossTerm, lossOfSteps, lossTerms, relativeWeights, slopesOf } from './loss.ts';
import { type OptimizerOptions, stateSlots, stepScalars } from './optimizers.ts';
import { factorOfEach, type Group, grouped, pack, unpack } from './packing.ts';
import { baseOf, type Slice, stepBody, unbound, type WorkingSet } from './step-body.ts';
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
  /** false: the tail is differentiated as it is written, without matrix products in the place of convolutions. Slower, for comparison. */
  readonly lowered?: boolean;
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
  readonly working: WorkingSet;
}

/** Throws `operator-unsupported` or `model-unsupported`, naming the node that cannot be trained. */
export function compileStep(tail: TrainableTail, options: StepOptions): TrainingStep {
  const trainable = trainableOf(tail);
  if (trainable.parameters.length === 0) {
    throw new WhetError('model-unsupported', 'the part of the model to be trained has no weights', {
      hint: 'Choose more layers (--layers).',
    });
  }
  const groups = grouped(trainable.parameters, [...trainable.statistics.map(({ name }) => name), ...trainable.fixed.keys()]);
  const slots = stateSlots(options.optimizer);
  const state = groups.flatMap((group) =>
    slots.map((slot) => ({ input: `in/${group.name}/${slot}`, output: `out/${group.name}/${slot}`, dims: group.dims })),
  );

  const c = new Draft({ prefix: 'epoch/' });
  const terms = termsOfSteps(c, options);
  const slices = slicesOf(c, options, terms);
  for (const { name, dims } of trainable.parameters) c.declare(`in/${name}`, dims);
  const packed = groups.map((group) => pack(c, group, (name) => `in/${name}`));
  if (options.loss.anchor !== 0) for (const group of groups) rename(c, pack(c, group, baseIn(c, trainable)), baseOf(group));
  const factors = options.factors === true ? groups.map((group) => factorsOf(c, trainable, group)) : null;
  const { body, working } = stepBody({ tail, trainable, groups, options, terms, slices, factors });
  const nextWeights = groups.map((group) => c.declare(`next/${group.name}`, group.dims));
  const statistics = trainable.statistics.map(({ name, dims }) => ({ name, input: `in/${name}`, output: `out/${name}`, dims }));
  const carried = [...state, ...statistics];
  const squares = options.loss.anchor === 0 ? [] : groups.map((group) => `squares/${group.name}`);
  c.add(
    node(
      'Scan',
      [...packed, ...carried.map((entry) => entry.input), ...[...slices.values()].map(({ source }) => source)],
      [...nextWeights, ...carried.map((entry) => entry.output), 'logits', ...squares],
      { body, num_scan_inputs: slices.size },
    ),
  );
  groups.forEach((group, index) => {
    for (const [name, part] of unpack(c, group, nextWeights[index] as string)) rename(c, part, `out/${name}`);
  });
  const distances = squares.map((each) => c.mul(each, options.loss.anchor / 2));
  const losses = [lossOfSteps(c, 'logits', terms, options.loss.kind), ...distances];
  rename(
    c,
    losses.reduce((a, b) => c.plus(a, b)),
    'losses',
  );

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
  return { model: { ...model(whole), opsets: trainable.opsets, irVersion: trainable.irVersion }, parameters, state, statistics, working };
}

function factorsOf(c: Draft, { parameters }: Trainable, group: Group): string {
  c.declare('factors', [parameters.length]);
  const places = group.members.map((member) => parameters.findIndex(({ name }) => name === member.name));
  return factorOfEach(c, group, 'factors', places);
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

/** Targets and weights of every step's samples: the inputs [samples, …] in the order of the steps, and mixed where that is wanted. */
function termsOfSteps(c: Draft, { batch, loss, mixup }: StepOptions): readonly LossTerm[] {
  c.declare('labels', [unbound], 'int64');
  const weights = relativeWeights(c, { labels: 'labels', weights: 'weights' }, batch, loss);
  const of = (order: string) => {
    const taken = (name: string) => c.emit('Gather', [name, order]);
    const taught = loss.distillation === null ? {} : { teacher: taken('teacher'), share: taken('share') };
    return lossTerms(c, { labels: taken('labels'), weights: taken(weights), ...taught }, loss);
  };
  const own = of('order');
  if (mixup !== true) return own;
  const share = c.emit('Unsqueeze', ['mix', c.ints([-1])]);
  const mixed = (a: string, b: string) => c.plus(a, c.mul(c.sub(b, a), share));
  return of('partners').map((partner, index) => {
    const { targets, weights, temperature } = own[index] as LossTerm;
    return { targets: mixed(targets, partner.targets), weights: mixed(weights, partner.weights), temperature };
  });
}

/** Everything that is the same for all elements of a step, computed for all steps at once. */
function slicesOf(c: Draft, { batch, loss, mixup, optimizer }: StepOptions, terms: readonly LossTerm[]): ReadonlyMap<string, Slice> {
  const count = c.emit('Squeeze', [c.emit('Shape', ['rates'])]);
  const index = c.emit('Range', [c.constant('zero', ints([0], [])), count, c.constant('one', ints([1], []))]);
  const t = c.plus(c.plus(c.emit('Cast', [index], { to: 1 }), 1), 'done');
  const slopes = slopesOf(c, terms);
  return new Map<string, Slice>([
    ['rows', { source: 'order', dims: [batch], dtype: 'int64' }],
    ['targets', { source: slopes.targets, dims: [batch, loss.classes] }],
    ...slopes.weights.map((source, at) => [`weights ${at}`, { source, dims: [batch, 1] }] as const),
    ...Object.entries(stepScalars(c, optimizer, 'rates', t)).map(([name, source]) => [name, { source, dims: [] }] as const),
    ...(mixup === true
      ? ([
          ['partners', { source: 'partners', dims: [batch], dtype: 'int64' }],
          ['mix', { source: 'mix', dims: [batch] }],
        ] as const)
      : []),
  ]);
}

function baseIn(c: Draft, { parameters }: Trainable): (name: string) => string {
  const dimsOf = new Map(parameters.map(({ name, dims }) => [name, dims]));
  return (name) => c.declare(`base/${name}`, dimsOf.get(name) as readonly number[]);
}

function rename(c: Draft, from: string, to: string): void {
  c.add(node('Identity', [from], [to]));
}
